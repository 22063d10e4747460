// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>
#include <string>

namespace chainkeeper::tests {

// The root of a node, written for a test.
class DoctorRoot {
public:
    // An executable program.
    void program(const std::string& name) const;
    void write(const std::string& name, std::string_view text) const { directory_.write("root/" + name, text); }
    // What a link holds; may lead anywhere.
    void link(const std::string& name, const std::string& to) const;
    void remove(const std::string& name) const { std::filesystem::remove_all(path() / name); }
    [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "root"; }
    // A file beside the root, which nothing in it may lead to.
    [[nodiscard]] std::filesystem::path outside(std::string_view text) const;

    [[nodiscard]] daemon::doctor::Root open() const;
    // What a check says of it. `guard`: of KUBE-FIREWALL.
    [[nodiscard]] daemon::doctor::Judgement
    examine(const daemon::doctor::Check& check,
            const daemon::doctor::GuardSeen& guard = tl::unexpected(std::string{"nobody looked"}),
            const policies::Policy::Doctor& thresholds = {}) const;

private:
    TemporaryDirectory directory_;
};

// Whether anything that was seen, or is to be done, has this in it.
bool says(const daemon::doctor::Judgement& judgement, std::string_view text);

}  // namespace chainkeeper::tests
