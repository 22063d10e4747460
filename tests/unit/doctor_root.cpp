// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/doctor_root.hpp"

#include <algorithm>
#include <utility>

namespace chainkeeper::tests {

using namespace daemon::doctor;

namespace {

class SaidGuard final : public LocalnetGuard {
public:
    explicit SaidGuard(GuardSeen seen) : seen_{std::move(seen)} {}
    [[nodiscard]] GuardSeen stands() const override { return seen_; }

private:
    GuardSeen seen_;
};

}  // namespace

void DoctorRoot::program(const std::string& name) const
{
    write(name, "#!/bin/sh\n");
    std::filesystem::permissions(path() / name, std::filesystem::perms::owner_all);
}

void DoctorRoot::link(const std::string& name, const std::string& to) const
{
    std::filesystem::create_directories((path() / name).parent_path());
    std::filesystem::create_symlink(to, path() / name);
}

std::filesystem::path DoctorRoot::outside(std::string_view text) const
{
    directory_.write("outside", text);
    return directory_.path() / "outside";
}

Root DoctorRoot::open() const
{
    std::filesystem::create_directories(path());
    return Root::open(path()).value();
}

Judgement DoctorRoot::examine(const Check& check, const GuardSeen& guard,
                              const policies::Policy::Doctor& thresholds) const
{
    const auto root = open();
    const KernelRulesets never_read;
    return check.examine(
        {.root = root, .localnet_guard = SaidGuard{guard}, .rulesets = never_read, .thresholds = thresholds});
}

bool says(const Judgement& judgement, std::string_view text)
{
    const auto has = [&](const std::string& part) { return part.find(text) != std::string::npos; };
    return has(judgement.next_step) || std::ranges::any_of(judgement.evidence, has);
}

}  // namespace chainkeeper::tests
