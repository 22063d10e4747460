// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/json.hpp"

#include <nlohmann/json.hpp>

namespace chainkeeper::repair {

namespace {

struct StepName {
    std::string_view operator()(const CreateTable&) const { return "create_table"; }
    std::string_view operator()(const CreateBaseChain&) const { return "create_base_chain"; }
    std::string_view operator()(const CreateChain&) const { return "create_chain"; }
    std::string_view operator()(const AddRule&) const { return "add_rule"; }
    std::string_view operator()(const InsertJump&) const { return "insert_jump"; }
    std::string_view operator()(const DeleteRule&) const { return "delete_rule"; }
    std::string_view operator()(const DeleteChain&) const { return "delete_chain"; }
};

struct RuleOf {
    const Rule* operator()(const CreateTable&) const { return nullptr; }
    const Rule* operator()(const CreateBaseChain&) const { return nullptr; }
    const Rule* operator()(const CreateChain&) const { return nullptr; }
    const Rule* operator()(const AddRule& step) const { return &step.rule; }
    const Rule* operator()(const InsertJump& step) const { return &step.rule; }
    const Rule* operator()(const DeleteRule& step) const { return &step.rule; }
    const Rule* operator()(const DeleteChain&) const { return nullptr; }
};

nlohmann::json step_json(Family family, const Step& step)
{
    nlohmann::json json{{"do", std::visit(StepName{}, step)}, {"table", to_string(table_of(step))}};
    if (const auto chain = chain_of(step); !chain.empty())
        json["chain"] = chain;
    if (const auto* const rule = std::visit(RuleOf{}, step); rule != nullptr)
        json["rule"] = to_string(family, *rule);
    if (const auto* const addition = std::get_if<AddRule>(&step); addition != nullptr && addition->before)
        json["before_rule"] = addition->before->number;
    return json;
}

nlohmann::json finding_json(Family family, const Finding& finding)
{
    nlohmann::json json{
        {"kind", to_string(finding.kind)}, {"table", to_string(finding.table)}, {"text", describe(family, finding)}};
    if (!finding.chain.empty())
        json["chain"] = finding.chain;
    if (finding.rule)
        json["rule"] = to_string(family, *finding.rule);
    return json;
}

}  // namespace

nlohmann::json to_json(const Plan& plan)
{
    auto steps = nlohmann::json::array();
    for (const auto& step : plan.steps)
        steps.push_back(step_json(plan.family, step));
    return {{"family", to_string(plan.family)}, {"generation", plan.generation}, {"steps", std::move(steps)}};
}

nlohmann::json to_json(const Diagnosis& diagnosis)
{
    auto findings = nlohmann::json::array();
    for (const auto& finding : diagnosis.findings)
        findings.push_back(finding_json(diagnosis.family, finding));
    return {{"family", to_string(diagnosis.family)},
            {"generation", diagnosis.generation},
            {"findings", std::move(findings)}};
}

}  // namespace chainkeeper::repair
