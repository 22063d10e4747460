// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/baseline_file.hpp"
#include "daemon/baseline/comparison.hpp"
#include "daemon/baseline/comparison_text.hpp"
#include "tests/fuzz/property.hpp"

using namespace chainkeeper;
using namespace chainkeeper::daemon::baseline;
using tests::must_hold;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto saved = from_text(tests::text_of(data, size));
    if (!saved) {
        tests::must_be_printable(saved.error());
        return 0;
    }
    must_hold(compare(saved->baseline, saved->baseline).empty(), "nothing differs from itself");
    for (const auto& differences : {compare(saved->baseline, {}), compare({}, saved->baseline)})
        tests::must_be_printable(comparison_text(*saved, differences, false));
    if (const auto text = to_text(*saved)) {
        const auto again = from_text(*text);
        must_hold(again && again->node == saved->node && again->saved == saved->saved &&
                      again->baseline == saved->baseline,
                  "a baseline that was written is read as it was");
    }
    return 0;
}
