// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/family.hpp"
#include "repair/survey.hpp"

#include <string_view>

namespace chainkeeper::repair::legacy {

// Every chain and every rule of the legacy tables of this network namespace: none is made by the look. Needs
// CAP_NET_RAW and CAP_NET_ADMIN where there is one.
Result<Survey> survey(Family family);
// The same, told to `sink`.
Result<void> survey(Family family, RulesetSink& sink);
// Of one table alone; nothing is in it where there is none.
Result<Survey> survey_table(Family family, std::string_view table);

}  // namespace chainkeeper::repair::legacy
