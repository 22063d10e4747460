// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/failures.hpp"

#include <doctest/doctest.h>

namespace chainkeeper::tests {

namespace {

bool failed = false;

class FailureListener final : public doctest::IReporter {
public:
    explicit FailureListener(const doctest::ContextOptions& /*options*/) {}

    void report_query(const doctest::QueryData& /*query*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_start(const doctest::TestCaseData& /*test_case*/) override { failed = false; }
    void test_case_reenter(const doctest::TestCaseData& /*test_case*/) override { failed = false; }
    void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& assertion) override { failed = failed || assertion.m_failed; }
    void log_message(const doctest::MessageData& /*message*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*test_case*/) override {}
};

REGISTER_LISTENER("failures", 1, FailureListener);

}  // namespace

bool case_has_failed()
{
    return failed;
}

}  // namespace chainkeeper::tests
