// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/survey.hpp"

#include "repair/legacy/shape.hpp"
#include "repair/legacy/table.hpp"

#include <utility>

namespace chainkeeper::repair::legacy {

namespace {

// Of that table alone, or of all where it has no name.
Result<void> survey_tables(Family family, std::string_view only, RulesetSink& sink)
{
    const auto tables = names_of_tables(family);
    if (!tables)
        return tl::unexpected(tables.error());
    for (const auto& table : *tables) {
        if (!only.empty() && table != only)
            continue;
        const auto read = LegacyTable::open(family, table);
        if (!read)
            return tl::unexpected(read.error());
        (*read)->survey(sink);
    }
    return {};
}

}  // namespace

Result<void> survey(Family family, RulesetSink& sink)
{
    return survey_tables(family, {}, sink);
}

Result<Survey> survey(Family family)
{
    return survey_table(family, {});
}

Result<Survey> survey_table(Family family, std::string_view table)
{
    Surveyor surveyor;
    return survey_tables(family, table, surveyor).map([&] { return std::move(surveyor).finish(); });
}

}  // namespace chainkeeper::repair::legacy
