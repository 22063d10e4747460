// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace chainkeeper::tests {

// A network namespace of its own for the calling thread, for the threads that it starts and for the programs that it
// runs, until the object goes: then the thread is back where it was. The loopback device is up.
//
// The constructor throws std::system_error without CAP_SYS_ADMIN, and std::runtime_error if the thread still is in the
// network namespace that it was in before, or in that of process 1: no test ever touches the ruleset of the machine.
class NetworkNamespace {
public:
    NetworkNamespace();
    ~NetworkNamespace();
    NetworkNamespace(const NetworkNamespace&) = delete;
    NetworkNamespace& operator=(const NetworkNamespace&) = delete;
    NetworkNamespace(NetworkNamespace&&) = delete;
    NetworkNamespace& operator=(NetworkNamespace&&) = delete;

private:
    void leave() const;

    int previous_;
};

}  // namespace chainkeeper::tests
