// SPDX-License-Identifier: GPL-2.0-or-later
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "tests/netns/node.hpp"

#include <doctest/doctest.h>

namespace {

// Tells the nodes when their logs are worth showing.
class FailureListener final : public doctest::IReporter {
public:
    explicit FailureListener(const doctest::ContextOptions& /*options*/) {}

    void report_query(const doctest::QueryData& /*query*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_start(const doctest::TestCaseData& /*test_case*/) override
    {
        chainkeeper::tests::note_start_of_case();
    }
    void test_case_reenter(const doctest::TestCaseData& /*test_case*/) override
    {
        chainkeeper::tests::note_start_of_case();
    }
    void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& assertion) override
    {
        if (assertion.m_failed)
            chainkeeper::tests::note_failure();
    }
    void log_message(const doctest::MessageData& /*message*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*test_case*/) override {}
};

}  // namespace

REGISTER_LISTENER("failures", 1, FailureListener);
