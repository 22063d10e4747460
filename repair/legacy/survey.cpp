// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/survey.hpp"

#include "repair/legacy/shape.hpp"
#include "repair/legacy/table.hpp"

#include <utility>

namespace chainkeeper::repair::legacy {

Result<void> survey(Family family, RulesetSink& sink)
{
    const auto tables = names_of_tables(family);
    if (!tables)
        return tl::unexpected(tables.error());
    for (const auto& table : *tables) {
        const auto read = LegacyTable::open(family, table);
        if (!read)
            return tl::unexpected(read.error());
        (*read)->survey(sink);
    }
    return {};
}

Result<Survey> survey(Family family)
{
    Surveyor surveyor;
    return survey(family, surveyor).map([&] { return std::move(surveyor).finish(); });
}

}  // namespace chainkeeper::repair::legacy
