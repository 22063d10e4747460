// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace chainkeeper::tests {

// Whether an assertion of the running test case has failed, in this run of it: then its logs are worth showing.
bool case_has_failed();

}  // namespace chainkeeper::tests
