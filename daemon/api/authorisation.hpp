// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/names.hpp"
#include "daemon/bus/bus_object.hpp"
#include "daemon/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <sys/types.h>

namespace chainkeeper::daemon {

// What a caller needs leave for: an action of systemd/org.chainkeeper1.policy each.
enum class Privilege : std::uint8_t { repair, hold, reload };
// "org.chainkeeper1.repair"
const char* action_of(Privilege privilege);

// Who calls.
struct Caller {
    uid_t uid = 0;
    std::string login;  // see login_of()
};

// Asks who calls, and whether that one may: root and the user that this process runs as may do everything, and polkit
// says it of anybody else. Nothing of it blocks; the call waits here until the answer is there.
//
// Who calls is what the bus says of the connection (GetConnectionCredentials): the kernel named that user when the
// connection was made, and the connection's name is never given to another. sd_bus_query_sender_creds() would block
// for the same answer, and its SD_BUS_CREDS_AUGMENT reads /proc of a process number that may be another's by then.
class Authorisation {
public:
    // Has to answer the call.
    using Allowed = std::function<void(sd_bus_message& call, const Caller& caller)>;

    struct Limits {
        std::size_t lookups = 128;   // calls whose caller the bus is being asked for
        std::size_t questions = 16;  // calls that polkit is being asked about,
        std::size_t of_a_user = 4;   // and of them so many of one user
        Duration answer = std::chrono::seconds{10};
        Duration answer_with_password = bus_name::password_time;
    };

    // The bus has to outlive this; calls that wait are forgotten with it.
    Authorisation(sd_bus& bus, Limits limits);
    Authorisation(const Authorisation&) = delete;
    Authorisation& operator=(const Authorisation&) = delete;
    Authorisation(Authorisation&&) = delete;
    Authorisation& operator=(Authorisation&&) = delete;
    ~Authorisation();

    // Calls `allowed` later, or answers the call with an error: AccessDenied or InteractiveAuthorizationRequired where
    // the caller may not, Refused where too many wait. Negative where not even that can be sent.
    int ask(sd_bus_message& call, Privilege privilege, Allowed allowed);

private:
    struct Question;
    struct Answers;  // the callbacks of sd-bus
    using Questions = std::list<std::unique_ptr<Question>>;

    int ask_polkit(std::unique_ptr<Question> question);

    sd_bus& bus_;
    Limits limits_;
    Questions lookups_;
    Questions questions_;
};

}  // namespace chainkeeper::daemon
