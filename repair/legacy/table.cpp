// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/table.hpp"

#include "repair/legacy/entry.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <functional>
#include <libiptc/libiptc.h>
#include <string_view>
// Unlike its sister, it does not say that it is C.
extern "C" {
#include <libiptc/libip6tc.h>
}

namespace chainkeeper::repair::legacy {

namespace {

// libiptc, which is compiled once for each family.
struct Ipv4 {
    using Entry = ipt_entry;
    static constexpr Family family = Family::ipv4;
    static constexpr auto init = iptc_init;
    static constexpr auto free = iptc_free;
    static constexpr auto is_chain = iptc_is_chain;
    static constexpr auto is_builtin = iptc_builtin;
    static constexpr auto first_chain = iptc_first_chain;
    static constexpr auto next_chain = iptc_next_chain;
    static constexpr auto first_rule = iptc_first_rule;
    static constexpr auto next_rule = iptc_next_rule;
    static constexpr auto target_of = iptc_get_target;
    static constexpr auto policy_of = iptc_get_policy;
    static constexpr auto create_chain = iptc_create_chain;
    static constexpr auto delete_chain = iptc_delete_chain;
    static constexpr auto append = iptc_append_entry;
    static constexpr auto insert = iptc_insert_entry;
    static constexpr auto remove = iptc_delete_num_entry;
    static constexpr auto commit = iptc_commit;
};
struct Ipv6 {
    using Entry = ip6t_entry;
    static constexpr Family family = Family::ipv6;
    static constexpr auto init = ip6tc_init;
    static constexpr auto free = ip6tc_free;
    static constexpr auto is_chain = ip6tc_is_chain;
    static constexpr auto is_builtin = ip6tc_builtin;
    static constexpr auto first_chain = ip6tc_first_chain;
    static constexpr auto next_chain = ip6tc_next_chain;
    static constexpr auto first_rule = ip6tc_first_rule;
    static constexpr auto next_rule = ip6tc_next_rule;
    static constexpr auto target_of = ip6tc_get_target;
    static constexpr auto policy_of = ip6tc_get_policy;
    static constexpr auto create_chain = ip6tc_create_chain;
    static constexpr auto delete_chain = ip6tc_delete_chain;
    static constexpr auto append = ip6tc_append_entry;
    static constexpr auto insert = ip6tc_insert_entry;
    static constexpr auto remove = ip6tc_delete_num_entry;
    static constexpr auto commit = ip6tc_commit;
};

struct Free {
    void (*release)(xtc_handle*) = nullptr;
    void operator()(xtc_handle* handle) const noexcept { release(handle); }
};
using Handle = std::unique_ptr<xtc_handle, Free>;

int done(int success)
{
    return success != 0 ? 0 : errno;
}

template <typename Library>
class TableOf final : public LegacyTable {
public:
    TableOf(std::string table, Handle handle) : table_{std::move(table)}, handle_{std::move(handle)} {}

    [[nodiscard]] bool has_chain(const std::string& chain) const override
    {
        return Library::is_chain(chain.c_str(), handle_.get()) != 0;
    }
    [[nodiscard]] bool is_base_chain(const std::string& chain) const override
    {
        return Library::is_builtin(chain.c_str(), handle_.get()) != 0;
    }

    [[nodiscard]] std::vector<ObservedRule> rules_of(const std::string& chain) const override
    {
        std::vector<ObservedRule> rules;
        for_each_rule(chain.c_str(), [&](std::span<const std::uint8_t> entry, std::string_view target) {
            rules.push_back(decode_entry(Library::family, entry, target));
            rules.back().handle = rules.size();
        });
        return rules;
    }

    [[nodiscard]] std::size_t fingerprint() const override
    {
        std::string text;
        for_each_chain([&](const char* chain) {
            xt_counters ignored{};
            const char* const policy = Library::policy_of(chain, &ignored, handle_.get());
            text += fmt::format(":{} {}\n", chain, policy == nullptr ? "-" : policy);
            for_each_rule(chain, [&](std::span<const std::uint8_t> entry, std::string_view target) {
                text += fmt::format("{:x}\n", fingerprint_of(Library::family, entry, target));
            });
        });
        return std::hash<std::string>{}(text);
    }

    void survey(RulesetSink& sink) const override
    {
        for_each_chain([&](const char* chain) {
            sink.add_chain({.table = table_, .chain = chain, .policy = policy_of(chain), .uses = std::nullopt});
        });
        std::string words;
        for_each_chain([&](const char* chain) {
            for_each_rule(chain, [&](std::span<const std::uint8_t> entry, std::string_view target) {
                auto rule = survey_entry(Library::family, entry, target, words);
                rule.table = table_;
                rule.chain = chain;
                sink.add_rule(rule);
            });
        });
    }

    int create_chain(const std::string& chain) override
    {
        if (chain.size() > longest_chain_name)
            return ENAMETOOLONG;
        return done(Library::create_chain(chain.c_str(), handle_.get()));
    }
    int delete_chain(const std::string& chain) override
    {
        return has_chain(chain) ? done(Library::delete_chain(chain.c_str(), handle_.get())) : ENOENT;
    }
    int append_rule(const std::string& chain, const Rule& rule) override
    {
        return with_entry(chain, rule, [&](const typename Library::Entry& entry) {
            return done(Library::append(chain.c_str(), &entry, handle_.get()));
        });
    }
    int insert_rule(const std::string& chain, const Rule& rule, std::uint32_t number) override
    {
        return with_entry(chain, rule, [&](const typename Library::Entry& entry) {
            return number == 0 ? ENOENT : done(Library::insert(chain.c_str(), &entry, number - 1, handle_.get()));
        });
    }
    int delete_rule(const std::string& chain, std::uint32_t number) override
    {
        if (!has_chain(chain) || number == 0)
            return ENOENT;
        return done(Library::remove(chain.c_str(), number - 1, handle_.get()));
    }
    int commit() override { return done(Library::commit(handle_.get())); }

private:
    void for_each_rule(const char* chain, const auto& take) const
    {
        const auto* entry = Library::first_rule(chain, handle_.get());
        for (; entry != nullptr; entry = Library::next_rule(entry, handle_.get())) {
            const auto* const first = static_cast<const std::uint8_t*>(static_cast<const void*>(entry));
            const char* const target = Library::target_of(entry, handle_.get());
            take(std::span{first, size_of_entry(Library::family, entry)},
                 target == nullptr ? std::string_view{} : std::string_view{target});
        }
    }

    // What libiptc would leave to the kernel to refuse, with the whole table: a jump to what is no chain of a
    // program's.
    [[nodiscard]] int refusal_of(const std::string& chain, const Rule& rule) const
    {
        if (!has_chain(chain))
            return ENOENT;
        const auto* const jump = std::get_if<Jump>(&rule.target);
        if (jump == nullptr)
            return 0;
        if (!has_chain(jump->chain) || jump->chain.size() > longest_chain_name)
            return ENOENT;
        return is_base_chain(jump->chain) ? EINVAL : 0;
    }

    int with_entry(const std::string& chain, const Rule& rule, const auto& use) const
    {
        if (const int refusal = refusal_of(chain, rule); refusal != 0)
            return refusal;
        const auto bytes = encode_entry(Library::family, rule);
        return use(*static_cast<const typename Library::Entry*>(static_cast<const void*>(bytes.data())));
    }

    void for_each_chain(const auto& take) const
    {
        const char* chain = Library::first_chain(handle_.get());
        for (; chain != nullptr; chain = Library::next_chain(handle_.get()))
            take(chain);
    }

    // Of a base chain.
    [[nodiscard]] std::optional<Verdict> policy_of(const char* chain) const
    {
        if (!is_base_chain(chain))
            return std::nullopt;
        xt_counters ignored{};
        const char* const policy = Library::policy_of(chain, &ignored, handle_.get());
        return policy != nullptr && policy == std::string_view{"DROP"} ? Verdict::drop : Verdict::accept;
    }

    std::string table_;
    Handle handle_;
};

Error open_error(Family family, std::string_view table, int error_number)
{
    const auto doing = fmt::format("reading the legacy table {} of {}", table, to_string(family));
    if (error_number == EPERM)
        return denied_error(doing, "CAP_NET_ADMIN and CAP_NET_RAW");
    return system_error(doing, error_number);
}

template <typename Library>
Result<std::unique_ptr<LegacyTable>> open_with(const std::string& table)
{
    Handle handle{Library::init(table.c_str()), Free{Library::free}};
    if (!handle)
        return tl::unexpected(open_error(Library::family, table, errno));
    return std::make_unique<TableOf<Library>>(table, std::move(handle));
}

}  // namespace

Result<std::unique_ptr<LegacyTable>> LegacyTable::open(Family family, const std::string& table)
{
    return family == Family::ipv4 ? open_with<Ipv4>(table) : open_with<Ipv6>(table);
}

}  // namespace chainkeeper::repair::legacy
