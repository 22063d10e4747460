// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hold.hpp"
#include "tests/fuzz/property.hpp"

using namespace chainkeeper;
using tests::must_hold;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto hold = daemon::hold_from_json(tests::text_of(data, size));
    if (!hold)
        return 0;
    must_hold(daemon::is_hold_text(hold->reason) && daemon::is_hold_text(hold->login),
              "a hold has a reason and a login");
    must_hold(hold->until > hold->set_at && hold->until - hold->set_at <= daemon::longest_hold, "a hold ends");
    tests::must_be_printable(hold->reason);
    tests::must_be_printable(hold->login);
    must_hold(daemon::hold_from_json(daemon::to_json(*hold)) == hold, "a hold that was written is read as it was");
    return 0;
}
