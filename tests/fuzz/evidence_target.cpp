// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/evidence_json.hpp"
#include "tests/fuzz/property.hpp"

using namespace chainkeeper;
using namespace std::chrono_literals;
using tests::must_hold;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::string_view scope = "a boot and a network";
    constexpr daemon::Instant now{24h};
    const auto evidence = daemon::evidence_from_json(tests::text_of(data, size), scope, now);
    if (!evidence)
        return 0;
    const auto text = daemon::to_json(*evidence, scope);
    must_hold(daemon::evidence_from_json(text, scope, now) == evidence, "evidence that was written is read as it was");
    must_hold(!daemon::evidence_from_json(text, "another", now), "evidence is of one scope");
    return 0;
}
