// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/baseline_file.hpp"

#include "daemon/clock.hpp"
#include "daemon/json_read.hpp"
#include "daemon/short_text.hpp"
#include "daemon/utc_time.hpp"
#include "daemon/version.hpp"
#include "policies/text_file.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon::baseline {

namespace {

using nlohmann::json;
using repair::Verdict;

constexpr int format = 1;

std::string host_name()
{
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

json chain_to_json(const ChainName& name, const NormalChain& chain)
{
    return {{"backend", to_string(name.place.variant)},
            {"family", to_string(name.place.family)},
            {"table", name.table},
            {"chain", name.chain},
            {"chains", chain.chains},
            {"rule_count", chain.rule_count},
            {"policy", policy_text(chain)},
            {"rules", chain.rules}};
}

// Reads on where something is wrong, and keeps the first of it.
class Reader {
public:
    tl::expected<SavedBaseline, std::string> read(const json& object)
    {
        if (!object.is_object())
            return tl::unexpected(std::string{"it is no JSON object"});
        if (const auto found = count_in(object, "format"); error_.empty() && found != format)
            return tl::unexpected(fmt::format("it is of format {}, and this program reads format {}", found, format));
        saved_.node = text_in(object, "node");
        saved_.saved = text_in(object, "saved");
        for (const auto& chain : typed_member(object, "chains", json::value_t::array))
            add_chain(chain);
        if (!error_.empty())
            return tl::unexpected(std::move(error_));
        return std::move(saved_);
    }

private:
    void refuse(std::string why)
    {
        if (error_.empty())
            error_ = std::move(why);
    }

    const json& typed_member(const json& object, std::string_view name, json::value_t type)
    {
        static const json nothing;
        const auto& found = member(object, name);
        if (found.type() == type)
            return found;
        refuse(fmt::format("\"{}\" is missing or of another type", name));
        return nothing;
    }

    std::string text_in(const json& object, std::string_view name)
    {
        const auto& text = typed_member(object, name, json::value_t::string);
        return text.is_string() ? text.get<std::string>() : "";
    }

    std::size_t count_in(const json& object, std::string_view name)
    {
        const auto& count = typed_member(object, name, json::value_t::number_unsigned);
        return count.is_number_unsigned() ? count.get<std::size_t>() : 0;
    }

    Place place_in(const json& object)
    {
        const auto backend = text_in(object, "backend");
        const auto family = text_in(object, "family");
        for (const auto& place : doctor::all_places)
            if (to_string(place.variant) == backend && to_string(place.family) == family)
                return place;
        refuse(fmt::format(R"(there is no family "{}" of a backend "{}")", family, backend));
        return doctor::all_places.front();
    }

    std::optional<Verdict> policy_in(const json& object)
    {
        const auto text = text_in(object, "policy");
        if (text == "accept")
            return Verdict::accept;
        if (text == "drop")
            return Verdict::drop;
        if (!text.empty())
            refuse(fmt::format(R"(the policy of a chain is "accept", "drop" or "", not "{}")", text));
        return std::nullopt;
    }

    void add_chain(const json& object)
    {
        ChainName name{.place = place_in(object), .table = text_in(object, "table"), .chain = text_in(object, "chain")};
        NormalChain chain{.chains = count_in(object, "chains"),
                          .rule_count = count_in(object, "rule_count"),
                          .policy = policy_in(object)};
        for (const auto& rule : typed_member(object, "rules", json::value_t::array))
            if (rule.is_string())
                chain.rules.insert(rule.get<std::string>());
            else
                refuse("a rule is no text");
        if (!saved_.baseline.try_emplace(std::move(name), std::move(chain)).second)
            refuse(fmt::format("chain \"{}\" is in there twice", text_in(object, "chain")));
    }

    SavedBaseline saved_;
    std::string error_;
};

}  // namespace

SavedBaseline saved_now(Baseline baseline)
{
    return {.node = host_name(), .saved = utc_text(SystemClock{}.wall()), .baseline = std::move(baseline)};
}

tl::expected<std::string, std::string> to_text(const SavedBaseline& saved)
{
    auto chains = json::array();
    for (const auto& [name, chain] : saved.baseline)
        chains.push_back(chain_to_json(name, chain));
    const json object{{"format", format},
                      {"program", version_line("chainkeeper")},
                      {"node", saved.node},
                      {"saved", saved.saved},
                      {"chains", std::move(chains)}};
    auto text = object.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
    if (text.size() > policies::largest_text_file)
        return tl::unexpected(
            fmt::format("a baseline of {} chains with different names would be larger than {} KiB, and not be read",
                        saved.baseline.size(), policies::largest_text_file / 1024));
    return text;
}

tl::expected<SavedBaseline, std::string> from_text(std::string_view text)
{
    constexpr std::size_t longest_reason = 200;
    return Reader{}.read(json::parse(text, nullptr, false)).map_error([](const std::string& why) {
        return short_text("no baseline: " + why, longest_reason);
    });
}

}  // namespace chainkeeper::daemon::baseline
