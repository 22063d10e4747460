// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/batch.hpp"

#include "repair/nft/protocol.hpp"
#include "repair/nft/rule_encode.hpp"

#include <algorithm>
#include <array>
#include <endian.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <memory>
#include <new>

namespace chainkeeper::repair::nft {

namespace {

// A socket's send buffer takes this without being enlarged; a plan of one family needs a tenth of it.
constexpr std::size_t datagram_limit = std::size_t{128} * 1024;
// No message of a step is longer: the longest holds a comment of 256 bytes and a conntrack match of 168.
constexpr std::size_t longest_message = std::size_t{4} * 1024;

// What iptables-nft gives the base chains of the three tables (iptables/nft.c, the xtables_ipv4 tables).
struct BaseChainForm {
    Table table;
    std::string_view chain;
    std::uint32_t hook;
    std::int32_t priority;
    const char* type;
};
constexpr std::array base_chain_forms{
    BaseChainForm{Table::filter, "INPUT", NF_INET_LOCAL_IN, 0, "filter"},
    BaseChainForm{Table::filter, "FORWARD", NF_INET_FORWARD, 0, "filter"},
    BaseChainForm{Table::filter, "OUTPUT", NF_INET_LOCAL_OUT, 0, "filter"},
    BaseChainForm{Table::mangle, "PREROUTING", NF_INET_PRE_ROUTING, -150, "filter"},
    BaseChainForm{Table::mangle, "INPUT", NF_INET_LOCAL_IN, -150, "filter"},
    BaseChainForm{Table::mangle, "FORWARD", NF_INET_FORWARD, -150, "filter"},
    BaseChainForm{Table::mangle, "OUTPUT", NF_INET_LOCAL_OUT, -150, "route"},
    BaseChainForm{Table::mangle, "POSTROUTING", NF_INET_POST_ROUTING, -150, "filter"},
    BaseChainForm{Table::nat, "PREROUTING", NF_INET_PRE_ROUTING, -100, "nat"},
    BaseChainForm{Table::nat, "INPUT", NF_INET_LOCAL_IN, 100, "nat"},
    BaseChainForm{Table::nat, "OUTPUT", NF_INET_LOCAL_OUT, -100, "nat"},
    BaseChainForm{Table::nat, "POSTROUTING", NF_INET_POST_ROUTING, 100, "nat"},
};

const BaseChainForm& base_chain_form(const CreateBaseChain& step)
{
    return *std::ranges::find_if(base_chain_forms, [&](const BaseChainForm& form) {
        return form.table == step.table && form.chain == step.chain;
    });
}

template <typename Object>
std::unique_ptr<Object, void (*)(const Object*)> allocated(Object* object, void (*release)(const Object*))
{
    if (object == nullptr)
        throw std::bad_alloc{};
    return {object, release};
}

class BatchWriter {
public:
    BatchWriter(const Plan& plan, std::uint32_t first_sequence) : plan_{plan}, sequence_{first_sequence}
    {
        batch_.first_sequence = first_sequence;
    }

    Result<Batch> write() &&
    {
        batch_.messages.resize(datagram_limit);
        begin();
        for (const auto& step : plan_.steps) {
            if (used_ + 2 * longest_message > batch_.messages.size())
                return tl::unexpected(Error{ErrorCode::failed, "the plan is too long for one transaction"});
            step_flags_ = &step == &plan_.steps.back() ? NLM_F_ACK : 0;
            std::visit([&](const auto& alternative) { write_step(alternative); }, step);
        }
        batch_.last_step_sequence = sequence_ - 1;
        keep(nftnl_batch_end(at_end(), sequence_));
        batch_.messages.resize(used_);
        return std::move(batch_);
    }

private:
    void begin()
    {
        auto* const header = nftnl_batch_begin(at_end(), sequence_++);
        mnl_attr_put_u32(header, NFNL_BATCH_GENID, htobe32(plan_.generation));
        keep(header);
    }

    void write_step(const CreateTable& step)
    {
        const auto table =
            allocated<nftnl_table>(nftnl_table_alloc(), [](const nftnl_table* freed) { nftnl_table_free(freed); });
        nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, to_string(step.table).data());
        auto* const header = start(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
        nftnl_table_nlmsg_build_payload(header, table.get());
        keep(header);
    }

    void write_step(const CreateChain& step) { write_chain(step.table, step.chain, nullptr); }

    void write_step(const CreateBaseChain& step) { write_chain(step.table, step.chain, &base_chain_form(step)); }

    void write_chain(Table table, const std::string& name, const BaseChainForm* form)
    {
        const auto chain = new_chain(table, name);
        if (form != nullptr) {
            nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, form->hook);
            nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, form->priority);
            nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
            nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, form->type);
        }
        auto* const header = start(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
        nftnl_chain_nlmsg_build_payload(header, chain.get());
        keep(header);
    }

    void write_step(const AddRule& step) { write_rule(step, step.before ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_APPEND); }

    void write_step(const InsertJump& step)
    {
        write_rule({.table = step.table, .chain = step.base_chain, .rule = step.rule, .before = std::nullopt},
                   NLM_F_CREATE);
    }

    void write_step(const DeleteRule& step)
    {
        const auto rule = new_rule(step.table, step.chain);
        nftnl_rule_set_u64(rule.get(), NFTNL_RULE_HANDLE, step.position.handle);
        auto* const header = start(NFT_MSG_DELRULE, 0);
        nftnl_rule_nlmsg_build_payload(header, rule.get());
        keep(header);
    }

    // Without NLM_F_NONREC the kernel deletes the chain's rules with it (net/netfilter/nf_tables_api.c,
    // nf_tables_delchain).
    void write_step(const DeleteChain& step)
    {
        const auto chain = new_chain(step.table, step.chain);
        auto* const header = start(NFT_MSG_DELCHAIN, NLM_F_NONREC);
        nftnl_chain_nlmsg_build_payload(header, chain.get());
        keep(header);
    }

    // Without NLM_F_APPEND a rule goes before the one at its position, or to the front where it has none.
    void write_rule(const AddRule& step, unsigned flags)
    {
        const auto rule = new_rule(step.table, step.chain);
        if (step.before)
            nftnl_rule_set_u64(rule.get(), NFTNL_RULE_POSITION, step.before->handle);
        encode_rule(plan_.family, step.rule, *rule);
        auto* const header = start(NFT_MSG_NEWRULE, flags);
        nftnl_rule_nlmsg_build_payload(header, rule.get());
        keep(header);
    }

    static std::unique_ptr<nftnl_chain, void (*)(const nftnl_chain*)> new_chain(Table table, const std::string& name)
    {
        auto chain =
            allocated<nftnl_chain>(nftnl_chain_alloc(), [](const nftnl_chain* freed) { nftnl_chain_free(freed); });
        nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, to_string(table).data());
        nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
        return chain;
    }

    static std::unique_ptr<nftnl_rule, void (*)(const nftnl_rule*)> new_rule(Table table, const std::string& chain)
    {
        auto rule = allocated<nftnl_rule>(nftnl_rule_alloc(), [](const nftnl_rule* freed) { nftnl_rule_free(freed); });
        nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, to_string(table).data());
        nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
        return rule;
    }

    nlmsghdr* start(std::uint16_t message, unsigned flags)
    {
        return nftnl_nlmsg_build_hdr(at_end(), message, protocol_of(plan_.family),
                                     static_cast<std::uint16_t>(flags | step_flags_), sequence_++);
    }

    char* at_end() { return static_cast<char*>(static_cast<void*>(batch_.messages.data() + used_)); }

    void keep(const nlmsghdr* header) { used_ += MNL_ALIGN(header->nlmsg_len); }

    const Plan& plan_;
    std::uint32_t sequence_;
    unsigned step_flags_ = 0;
    std::size_t used_ = 0;
    Batch batch_;
};

}  // namespace

Result<Batch> make_batch(const Plan& plan, std::uint32_t first_sequence)
{
    return BatchWriter{plan, first_sequence}.write();
}

}  // namespace chainkeeper::repair::nft
