// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/disruptors_check.hpp"
#include "daemon/doctor/firewall_command.hpp"
#include "daemon/doctor/unit_files.hpp"
#include "tests/unit/doctor_root.hpp"

#include <doctest/doctest.h>

using namespace chainkeeper::daemon::doctor;
using chainkeeper::tests::DoctorRoot;
using chainkeeper::tests::says;

namespace {

const std::vector<std::string> units{"iptables.service", "firewalld.service"};

}  // namespace

TEST_CASE("doctor disruptors: what rewrites the firewall is told from what reads or adds")
{
    for (const auto* const line : {
             "*/5 * * * * root /usr/sbin/iptables -F",
             "@reboot iptables -t nat --flush",
             "iptables-restore < /etc/iptables/rules.v4",
             "ip6tables-legacy-restore /etc/x",
             "ExecStart=-/usr/sbin/iptables-restore /etc/sysconfig/iptables",
             "ExecStart=/bin/sh -c 'iptables-restore </etc/iptables/rules.v4'",
             "nft -f /etc/nftables.conf",
             "nft flush ruleset",
             "true && systemctl restart iptables",
             "systemctl --no-block try-restart firewalld.service",
             "service iptables restart",
             "/etc/init.d/iptables restart",
             "netfilter-persistent reload",
             "ufw --force enable",
             "firewall-cmd --reload",
             "if true; then $(iptables -X); fi",
         }) {
        CAPTURE(line);
        CHECK(rewrites_firewall(line, units));
    }
    for (const auto* const line : {
             "",
             "# iptables -F",
             "iptables-save > /etc/iptables/rules.v4",
             "iptables -A INPUT -s 192.0.2.1 -j DROP",
             "iptables -L -n",
             "iptables-restore --noflush < /etc/more",
             "nft list ruleset",
             "systemctl status iptables",
             "systemctl restart nginx",
             "/etc/init.d/nginx restart",
             "firewall-cmd --list-all",
             "echo netfilter-persistent",
             "MAILTO=root",
         }) {
        CAPTURE(line);
        CHECK_FALSE(rewrites_firewall(line, units));
    }
}

TEST_CASE("doctor disruptors: a unit that an image starts is a warning until its link is gone or it is masked")
{
    const DoctorRoot root;
    const DisruptorsCheck check;
    CHECK(root.examine(check).verdict == Verdict::ok);
    root.write("usr/lib/systemd/system/iptables.service", "[Service]\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    CHECK(says(root.examine(check), "iptables.service (disabled)"));
    root.link("etc/systemd/system/multi-user.target.wants/iptables.service",
              "/usr/lib/systemd/system/iptables.service");
    const auto enabled = root.examine(check);
    CHECK(enabled.verdict == Verdict::warning);
    CHECK(says(enabled, "iptables.service: enabled, and rewrites the firewall; when it last ran cannot be told here"));
    CHECK(says(enabled, "`systemctl disable iptables.service`"));
    root.link("etc/systemd/system/iptables.service", "/dev/null");
    CHECK(root.examine(check).verdict == Verdict::ok);
    root.remove("etc/systemd/system/iptables.service");
    CHECK(root.examine(check).verdict == Verdict::warning);
    root.remove("etc/systemd/system/multi-user.target.wants");
    CHECK(root.examine(check).verdict == Verdict::ok);
}

TEST_CASE("doctor disruptors: a unit that the policy names counts as those that everybody knows")
{
    const DoctorRoot node;
    node.write("usr/lib/systemd/system/harden.service", "[Service]\nExecStart=/usr/sbin/harden\n");
    node.link("etc/systemd/system/multi-user.target.wants/harden.service", "/usr/lib/systemd/system/harden.service");
    const DisruptorsCheck check;
    CHECK(node.examine(check).verdict == Verdict::ok);
    const auto root = node.open();
    const NoLocalnetGuard guard;
    const KernelRulesets rulesets;
    const auto named = check.examine(
        {.root = root, .localnet_guard = guard, .rulesets = rulesets, .disruptors = {"harden", "iptables"}});
    CHECK(named.verdict == Verdict::warning);
    CHECK(says(named, "harden.service: enabled, and rewrites the firewall"));
}

TEST_CASE("doctor disruptors: ufw that is installed and off rewrites nothing")
{
    const DoctorRoot root;
    const DisruptorsCheck check;
    root.write("usr/lib/systemd/system/ufw.service", "[Service]\n");
    root.link("etc/systemd/system/multi-user.target.wants/ufw.service", "/usr/lib/systemd/system/ufw.service");
    root.write("etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\nLOGLEVEL=low\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    CHECK(says(root.examine(check), "ufw.service (ufw is off)"));
    root.write("etc/ufw/ufw.conf", "ENABLED=yes\n");
    CHECK(root.examine(check).verdict == Verdict::warning);
    root.remove("etc/ufw/ufw.conf");
    CHECK(root.examine(check).verdict == Verdict::warning);
}

TEST_CASE("doctor disruptors: a timer counts by what its unit runs, and only where it is enabled")
{
    const DoctorRoot root;
    const DisruptorsCheck check;
    root.write("etc/systemd/system/harden.timer", "[Timer]\nOnCalendar=hourly\nUnit=rules.service\n");
    root.write("etc/systemd/system/rules.service", "[Service]\nExecStart=/usr/sbin/iptables-restore /etc/rules\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    root.link("etc/systemd/system/timers.target.wants/harden.timer", "../harden.timer");
    CHECK(root.examine(check).verdict == Verdict::warning);
    CHECK(says(root.examine(check), "harden.timer: enabled, and starts what rewrites the firewall (rules.service: "));
    root.write("etc/systemd/system/rules.service", "[Service]\nExecStart=/usr/sbin/iptables-save\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    root.write("usr/lib/systemd/system/rules.service.d/10-more.conf",
               "[Service]\nExecStartPost=/usr/sbin/iptables -F\n");
    CHECK(root.examine(check).verdict == Verdict::warning);
    root.remove("usr/lib/systemd/system/rules.service.d");
    CHECK(root.examine(check).verdict == Verdict::ok);
    root.write("etc/systemd/system/rules.service",
               "[Service]\nExecStart=/bin/sh -c \\\n  \"echo; \\\n iptables -F\"\n");
    CHECK(root.examine(check).verdict == Verdict::warning);
    root.write("etc/systemd/system/rules.service",
               "[Service]\nExecStart=/bin/sh -c \\\n  \"echo\"\nX=iptables -F\n\\\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    root.write("etc/systemd/system/harden.timer", "[Timer]\nUnit=firewalld.service\n");
    CHECK(root.examine(check).verdict == Verdict::warning);
    root.write("etc/systemd/system/harden.timer", "[Timer]\nUnit=../../../outside\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
}

TEST_CASE("doctor disruptors: crontabs and the scripts of cron, but not what is left over")
{
    const DisruptorsCheck check;
    for (const auto* const file : {"etc/crontab", "etc/cron.d/rules", "etc/cron.hourly/rules", "etc/cron.daily/rules",
                                   "etc/cron.weekly/rules", "var/spool/cron/crontabs/root", "var/spool/cron/root"}) {
        CAPTURE(file);
        const DoctorRoot root;
        root.write(file, "# rules\n0 * * * * root \x1b[1m systemctl restart iptables\n");
        std::filesystem::permissions(root.path() / file, std::filesystem::perms::owner_exec,
                                     std::filesystem::perm_options::add);
        const auto found = root.examine(check);
        CHECK(found.verdict == Verdict::warning);
        CHECK(says(found, std::string{"/"} + file + ": cron rewrites the firewall: 0 * * * * root ?[1m"));
        root.write(file, "# systemctl restart iptables\n");
        CHECK(root.examine(check).verdict == Verdict::ok);
    }
    const DoctorRoot root;
    root.write("etc/cron.d/rules.dpkg-old", "iptables -F\n");
    root.write("etc/cron.d/rules~", "iptables -F\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    // run-parts(8) runs what is executable.
    root.write("etc/cron.daily/rules", "iptables -F\n");
    CHECK(root.examine(check).verdict == Verdict::ok);
    std::filesystem::create_directories(root.path() / "etc/cron.d/folder");
    CHECK(root.examine(check).verdict == Verdict::unknown);
}

TEST_CASE("doctor's root tells what a link holds, and follows none out of it")
{
    const DoctorRoot directory;
    directory.link("a", "/dev/null");
    directory.link("loop", "loop");
    directory.write("file", "");
    const auto root = directory.open();
    CHECK(root.link("/a").value() == "/dev/null");
    CHECK(root.link("/loop").value() == "loop");
    CHECK_FALSE(root.link("/file").value().has_value());
    CHECK_FALSE(root.link("/none").value().has_value());
    CHECK(UnitFiles{root}.lines_of("none.service").value().empty());
}
