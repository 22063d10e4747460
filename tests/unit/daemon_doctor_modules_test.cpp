// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/checks.hpp"
#include "daemon/doctor/kernel_modules.hpp"
#include "daemon/doctor/modules_check.hpp"
#include "tests/unit/doctor_root.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace chainkeeper::daemon::doctor;
using chainkeeper::tests::DoctorRoot;
using chainkeeper::tests::says;

namespace {

const ModulesCheck check;
const std::string release = "6.1.0-13-amd64";

const std::vector<std::string> common{"nf_conntrack", "nf_nat",        "xt_conntrack", "xt_comment",
                                      "xt_mark",      "xt_MASQUERADE", "br_netfilter", "ip_set"};
const std::vector<std::string> nft{"nf_tables", "nft_compat", "nft_chain_nat"};
const std::vector<std::string> legacy{"ip_tables", "iptable_filter", "iptable_nat", "iptable_mangle"};
const std::vector<std::string> legacy_ipv6{"ip6_tables", "ip6table_filter", "ip6table_nat", "ip6table_mangle"};

// A kernel as depmod leaves it, in an image where nothing runs.
class Kernel {
public:
    explicit Kernel(const std::vector<std::vector<std::string>>& groups)
    {
        for (const auto& group : groups)
            for (const auto& name : group)
                add(name);
    }
    void add(const std::string& name)
    {
        modules_.push_back(name);
        node_.write(file(name), "");
        write();
    }
    // Gone from the list, too.
    void remove(const std::string& name)
    {
        std::erase(modules_, name);
        node_.remove(file(name));
        write();
    }
    void write() const
    {
        std::string list;
        for (const auto& name : modules_)
            list += fmt::format("kernel/net/{}.ko.xz: kernel/lib/libcrc32c.ko.xz\n", name);
        node_.write(fmt::format("lib/modules/{}/modules.dep", release), list);
    }
    static std::string file(const std::string& name)
    {
        return fmt::format("lib/modules/{}/kernel/net/{}.ko.xz", release, name);
    }
    [[nodiscard]] const DoctorRoot& node() const { return node_; }
    [[nodiscard]] Judgement examine() const { return node_.examine(check); }
    [[nodiscard]] Verdict verdict() const { return examine().verdict; }

private:
    DoctorRoot node_;
    std::vector<std::string> modules_;
};

Judgement examine_running(const DoctorRoot& node)
{
    const auto root = node.open();
    const NoLocalnetGuard guard;
    const KernelRulesets rulesets;
    return check.examine({.root = root, .localnet_guard = guard, .rulesets = rulesets, .running_kernel = release});
}

}  // namespace

TEST_CASE("doctor modules: names are the kernel's own")
{
    CHECK(module_name("kernel/net/netfilter/nf_tables.ko") == "nf_tables");
    CHECK(module_name("kernel/net/netfilter/nf-tables.ko.zst") == "nf_tables");
    CHECK(module_name("x.ko.d/y.ko") == "y");
    for (const auto* const file : {"", "kernel/nf_tables", "kernel/nf_tables.kobold", "a.ko/"})
        CHECK_MESSAGE(module_name(file).empty(), file);
    CHECK(module_name(std::string(300, 'x') + ".ko").empty());
    CHECK(disabled_module("install ip_tables /bin/false") == "ip_tables");
    CHECK(disabled_module("  install br-netfilter /usr/bin/true # CIS") == "br_netfilter");
    for (const auto* const line : {"", "# install a /bin/true", "blacklist a", "install a",
                                   "install a /sbin/modprobe b", "options a true", "alias a /bin/true"})
        CHECK_MESSAGE(disabled_module(line).empty(), line);
}

TEST_CASE("doctor modules: a kernel with everything is well")
{
    const Kernel kernel{{common, nft, legacy, legacy_ipv6}};
    CHECK(kernel.verdict() == Verdict::ok);
    CHECK(says(kernel.examine(), release + ", kubelet's rules: all there (0 loaded, 0 built in, 6 loadable)"));
    CHECK(kernel.examine().next_step.empty());
}

TEST_CASE("doctor modules: each module that is missing is found, and well again when it is back")
{
    Kernel kernel{{common, nft}};
    CHECK(kernel.verdict() == Verdict::ok);
    for (const auto& name : common) {
        CAPTURE(name);
        kernel.remove(name);
        const bool is_wanted = name == "br_netfilter" || name == "ip_set";
        CHECK(kernel.verdict() == (is_wanted ? Verdict::warning : Verdict::critical));
        CHECK(says(kernel.examine(), "missing: " + name));
        CHECK_FALSE(kernel.examine().next_step.empty());
        kernel.add(name);
        CHECK(kernel.verdict() == Verdict::ok);
        // In the list, and not on the disk.
        kernel.node().remove(Kernel::file(name));
        CHECK(kernel.verdict() != Verdict::ok);
        kernel.node().write(Kernel::file(name), "");
        CHECK(kernel.verdict() == Verdict::ok);
    }
}

TEST_CASE("doctor modules: one backend is enough, and half of each is none")
{
    Kernel kernel{{common, nft}};
    CHECK(says(kernel.examine(), "iptables-legacy: not in this kernel"));
    for (const auto& name : nft) {
        kernel.remove(name);
        CHECK(kernel.verdict() == Verdict::critical);
        CHECK(says(kernel.examine(), "iptables-nft: missing: " + name));
        kernel.add(name);
    }
    kernel.add(legacy.front());
    CHECK(kernel.verdict() == Verdict::warning);
    CHECK(says(kernel.examine(), "iptables-legacy: missing: iptable_filter"));
    kernel.remove(legacy.front());
    kernel.remove("nft_compat");
    for (const auto& name : legacy) {
        CHECK(kernel.verdict() == Verdict::critical);
        kernel.add(name);
    }
    CHECK(kernel.verdict() == Verdict::warning);
    CHECK(says(kernel.examine(), "iptables-nft: missing: nft_compat"));
    for (const auto& name : nft)
        kernel.remove(name);
    CHECK(kernel.verdict() == Verdict::warning);
    CHECK(says(kernel.examine(), "iptables-legacy for IPv6: missing: ip6_tables"));
    for (const auto& name : legacy_ipv6)
        kernel.add(name);
    CHECK(kernel.verdict() == Verdict::ok);
}

TEST_CASE("doctor modules: built in counts, and what modprobe may not load does not")
{
    Kernel kernel{{common, nft}};
    kernel.remove("nf_conntrack");
    kernel.node().write("lib/modules/" + release + "/modules.builtin", "kernel/net/netfilter/nf_conntrack.ko\n");
    CHECK(kernel.verdict() == Verdict::ok);
    CHECK(says(kernel.examine(), "1 built in, 5 loadable"));
    kernel.node().write("etc/modprobe.d/cis.conf", "install nf_nat /bin/false\ninstall nf_conntrack /bin/false\n");
    CHECK(kernel.verdict() == Verdict::critical);
    CHECK(says(kernel.examine(), "missing: nf_nat (disabled in /etc/modprobe.d/cis.conf)"));
    CHECK(kernel.examine().next_step.starts_with("Take "));
    kernel.node().write("etc/modprobe.d/cis.conf", "# one\ninstall \\\nnf_nat \\\n /bin/false\n");
    CHECK(says(kernel.examine(), "missing: nf_nat (disabled in /etc/modprobe.d/cis.conf)"));
    kernel.node().write("etc/modprobe.d/a.conf", "install nf_nat \\");  // which does not go on in the next file
    kernel.node().write("etc/modprobe.d/cis.conf", "/bin/false\n");
    CHECK(kernel.verdict() == Verdict::ok);
    for (const auto* const other : {"/bin/false\n", ""}) {
        kernel.node().write("etc/modprobe.d/a.conf", "install nf_nat /bin/false \\\n");
        kernel.node().write("etc/modprobe.d/cis.conf", other);
        CHECK(says(kernel.examine(), "missing: nf_nat (disabled in /etc/modprobe.d/a.conf)"));
    }
    kernel.node().write("etc/modprobe.d/a.conf", "");
    kernel.node().write("etc/modprobe.d/cis.conf", "# install nf_nat /bin/false\n");
    kernel.node().write("etc/modprobe.d/cis.off", "install nf_nat /bin/false\n");
    CHECK(kernel.verdict() == Verdict::ok);
}

TEST_CASE("doctor modules: modprobe may be told in each of its folders, of which an earlier one hides files of a later")
{
    const Kernel kernel{{common, nft}};
    const auto& node = kernel.node();
    const std::vector<std::string> folders{"etc", "run", "usr/local/lib", "usr/lib", "lib"};
    const auto file_in = [](const std::string& folder, const std::string& name = "cis.conf") {
        return fmt::format("{}/modprobe.d/{}", folder, name);
    };
    const std::string disables = "install nf_nat /bin/false\n";
    for (const auto& folder : folders) {
        CAPTURE(folder);
        node.write(file_in(folder), disables);
        CHECK(kernel.verdict() == Verdict::critical);
        CHECK(says(kernel.examine(), fmt::format("missing: nf_nat (disabled in /{})", file_in(folder))));
        node.remove(file_in(folder));
        node.write(file_in(folder, ".cis.conf"), disables);
        CHECK(kernel.verdict() == Verdict::ok);
    }
    for (std::size_t later = 1; later < folders.size(); ++later) {
        const auto& earlier = folders[later - 1];
        CAPTURE(earlier);
        node.write(file_in(folders[later]), disables);
        node.write(file_in(earlier, "other.conf"), "");
        CHECK(kernel.verdict() == Verdict::critical);
        node.write(file_in(earlier), "");
        CHECK(kernel.verdict() == Verdict::ok);
        for (const auto* const nothing : {"/dev/null", "../../../../dev/null"}) {
            node.remove(file_in(earlier));
            node.link(file_in(earlier), nothing);
            CHECK(kernel.verdict() == Verdict::ok);
        }
        node.remove(file_in(earlier));
        CHECK(kernel.verdict() == Verdict::critical);
        node.remove(file_in(folders[later]));
    }
}

TEST_CASE("doctor modules: for kube-proxy's ipvs mode, where it is used")
{
    const std::vector<std::string> ipvs{"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"};
    Kernel kernel{{common, nft}};
    CHECK(
        says(kernel.examine(), "not fit for kube-proxy's ipvs mode, which lacks ip_vs, ip_vs_rr, ip_vs_wrr, ip_vs_sh"));
    CHECK(kernel.examine().next_step.empty());
    for (const auto& name : ipvs)
        kernel.add(name);
    CHECK(says(kernel.examine(), "kube-proxy's ipvs mode: all there (0 loaded, 0 built in, 4 loadable)"));
    kernel.node().write("sys/module/ip_vs/refcnt", "1");
    CHECK(examine_running(kernel.node()).verdict == Verdict::ok);
    kernel.remove("ip_vs_sh");
    CHECK(examine_running(kernel.node()).verdict == Verdict::warning);
    CHECK(says(examine_running(kernel.node()), "kube-proxy's ipvs mode: missing: ip_vs_sh"));
    kernel.add("ip_vs_sh");
    CHECK(examine_running(kernel.node()).verdict == Verdict::ok);
}

TEST_CASE("doctor modules: what the policy requires is critical where it is missing, whatever it is by itself")
{
    Kernel kernel{{common, nft}};
    const auto examine = [&](const std::vector<std::string>& required) {
        return kernel.node().examine(check, tl::unexpected(std::string{"nobody looked"}),
                                     {.required_modules = required});
    };
    CHECK(examine({}).verdict == Verdict::ok);
    CHECK_FALSE(says(examine({}), "what the policy requires"));
    auto judgement = examine({"ip_vs", "nf_nat", "ip_vs_rr"});
    CHECK(judgement.verdict == Verdict::critical);
    CHECK(says(judgement, release + ", what the policy requires: missing: ip_vs, ip_vs_rr"));
    CHECK(judgement.next_step.starts_with("Install"));
    kernel.add("ip-vs");
    kernel.add("ip_vs_rr");
    judgement = examine({"ip_vs", "nf_nat", "ip_vs_rr"});
    CHECK(judgement.verdict == Verdict::ok);
    CHECK(says(judgement, "what the policy requires: all there (0 loaded, 0 built in, 3 loadable)"));
    kernel.node().write("usr/lib/modprobe.d/no-ipvs.conf", "install ip_vs /bin/true\n");
    judgement = examine({"ip_vs"});
    CHECK(judgement.verdict == Verdict::critical);
    CHECK(says(judgement, "requires: missing: ip_vs (disabled in /usr/lib/modprobe.d/no-ipvs.conf)"));
    CHECK(judgement.next_step.starts_with("Take "));
    kernel.remove("br_netfilter");
    CHECK(examine({}).verdict == Verdict::warning);
    CHECK(examine({"br_netfilter"}).verdict == Verdict::critical);
    // Of an image with another kernel, in that as well.
    kernel.add("br_netfilter");
    kernel.node().remove("usr/lib/modprobe.d");
    CHECK(examine({"ip_vs"}).verdict == Verdict::ok);
    kernel.node().write("lib/modules/6.2.0/modules.order", "");
    CHECK(examine({"ip_vs"}).verdict == Verdict::unknown);
}

TEST_CASE("doctor modules: what is loaded and would not be loaded by the next start is told")
{
    const Kernel kernel{{common, nft}};
    const auto& node = kernel.node();
    const auto is_told = [&] { return says(examine_running(node), "loaded, and in no modules-load.d: br_netfilter;"); };
    CHECK_FALSE(is_told());
    node.write("sys/module/br_netfilter/refcnt", "1");
    node.write("sys/module/nf_tables/refcnt", "1");
    CHECK(is_told());
    CHECK(examine_running(node).verdict == Verdict::ok);
    CHECK(examine_running(node).next_step.empty());
    for (const auto* const folder : {"etc", "run", "usr/local/lib", "usr/lib", "lib"}) {
        CAPTURE(folder);
        const auto file = fmt::format("{}/modules-load.d/k8s.conf", folder);
        node.write(file, "# br_netfilter\n; br_netfilter\n\noverlay\n");
        CHECK(is_told());
        node.write(file, "overlay\n\tbr-netfilter \n");
        CHECK_FALSE(is_told());
        node.remove(file);
        node.write(file + ".off", "br_netfilter\n");
        CHECK(is_told());
    }
    // One that hides another, and says less or nothing.
    node.write("usr/lib/modules-load.d/k8s.conf", "br_netfilter\n");
    CHECK_FALSE(is_told());
    node.write("run/modules-load.d/k8s.conf", "overlay\n");
    CHECK(is_told());
    node.link("etc/modules-load.d/k8s.conf", "/dev/null");
    CHECK(is_told());
    node.remove("run/modules-load.d/k8s.conf");
    CHECK(is_told());
    node.remove("etc/modules-load.d/k8s.conf");
    CHECK_FALSE(is_told());
    node.write("lib/modules/" + release + "/modules.builtin", "kernel/net/br_netfilter.ko\n");
    node.remove("usr/lib/modules-load.d/k8s.conf");
    CHECK_FALSE(is_told());
    node.link("etc/modules-load.d/loop.conf", "loop.conf");
    CHECK(examine_running(node).verdict == Verdict::unknown);
}

TEST_CASE("doctor modules: of an image every kernel counts, and what the machine that looks has loaded does not")
{
    Kernel kernel{{common, nft}};
    kernel.remove("xt_mark");
    kernel.node().write("sys/module/xt_mark/refcnt", "1");
    CHECK(kernel.verdict() == Verdict::critical);
    CHECK(examine_running(kernel.node()).verdict == Verdict::ok);
    CHECK(says(examine_running(kernel.node()), "(1 loaded, 0 built in, 5 loadable)"));
    kernel.add("xt_mark");
    kernel.node().write("lib/modules/6.2.0/modules.dep", "");
    CHECK(kernel.verdict() == Verdict::critical);
    CHECK(says(kernel.examine(), "6.2.0, kubelet's rules: missing: nf_conntrack"));
    CHECK(examine_running(kernel.node()).verdict == Verdict::ok);
}

TEST_CASE("doctor modules: without a list what is not loaded is unknown")
{
    const DoctorRoot node;
    CHECK(node.examine(check).verdict == Verdict::unknown);
    CHECK(says(node.examine(check), "no kernel is installed here"));
    node.write("lib/modules/" + release + "/modules.order", "");
    CHECK(node.examine(check).verdict == Verdict::unknown);
    CHECK(says(node.examine(check), "Run depmod"));
    node.write("sys/module/nf_conntrack/refcnt", "1");
    CHECK(examine_running(node).verdict == Verdict::unknown);
    CHECK(says(examine_running(node), "not known of nf_nat, xt_conntrack"));
    for (const auto& group : {common, nft})
        for (const auto& name : group)
            node.write("sys/module/" + name + "/refcnt", "1");
    CHECK(examine_running(node).verdict == Verdict::ok);
    CHECK(says(examine_running(node), "iptables-legacy: not loaded"));
    node.remove("sys/module/ip_set");
    node.link("sys/module/ip_set", "ip_set");
    CHECK(examine_running(node).verdict == Verdict::unknown);
}

TEST_CASE("doctor modules: a hostile image is refused or has nothing")
{
    const Kernel kernel{{common, nft}};
    const auto& node = kernel.node();
    node.write("etc/modprobe.d/large.conf", "");
    std::filesystem::resize_file(node.path() / "etc/modprobe.d/large.conf", std::uintmax_t{1} << 42U);
    CHECK(kernel.verdict() == Verdict::unknown);
    node.remove("etc/modprobe.d");
    CHECK(kernel.verdict() == Verdict::ok);
    const auto secret = node.outside("kernel/net/ip_set.ko: \n");
    const auto list = "lib/modules/" + release + "/modules.dep";
    node.remove(list);
    node.link(list, secret);
    CHECK_FALSE(says(kernel.examine(), "loadable)"));
    node.remove(list);
    node.link(list, "modules.dep");
    CHECK(kernel.verdict() == Verdict::unknown);
    node.remove(list);
    // The path of a module leads no further than the root, either.
    node.write(list, "../../../../../outside/ip_set.ko:\n");
    CHECK(says(kernel.examine(), "bridges and sets: missing: br_netfilter, ip_set"));
    node.remove("lib/modules");
    for (int index = 0; index < 20; ++index)
        node.write(fmt::format("lib/modules/{}/modules.dep", index), "\x1b[2J\xff.ko\n");
    CHECK(says(node.examine(check), "only 8 kernels of 20 were looked at"));
}

TEST_CASE("doctor modules: an image has to pass modules, tools and saved-rules")
{
    CHECK(preflight_names() == std::vector<std::string>{"modules", "tools", "saved-rules"});
}
