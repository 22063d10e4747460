// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_file.hpp"
#include "policies/policy_text.hpp"
#include "tests/fuzz/property.hpp"

using namespace chainkeeper;
using tests::must_hold;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto sourced = policies::parse_sourced_policy(tests::text_of(data, size), "chainkeeper.toml");
    if (!sourced) {
        tests::must_be_printable(sourced.error().what);
        return 0;
    }
    const auto text = policies::policy_text(*sourced);
    tests::must_be_printable(text);
    const auto again = policies::parse_policy(text, "again");
    must_hold(again && *again == sourced->policy, "a policy that was written is read as it was");
    return 0;
}
