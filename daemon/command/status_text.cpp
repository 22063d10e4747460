// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/status_text.hpp"

#include "daemon/command/incident_text.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/json_read.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

constexpr std::size_t label_width = 18;
constexpr std::size_t most_findings = 6;  // on a screen

struct View {
    Screen& screen;
    const json& status;
    WallTime now;

    [[nodiscard]] const json& families() const { return array_member(status, "families"); }
    // "2026-11-21 10:00:00 UTC, in 2 h"; empty where the time is null.
    [[nodiscard]] std::string when(const json& object, std::string_view name) const
    {
        const auto text = text_member(object, name);
        return text.empty() ? text : when_text(text, now);
    }
};

std::string of_family(const json& family, std::string_view text)
{
    return fmt::format("{}  {}", text_member(family, "family"), text);
}

bool has_daemon(const json& status)
{
    return text_member(status, "no_daemon").empty();
}

Colour colour_of(std::string_view decision)
{
    if (decision.starts_with("wait"))
        return Colour::yellow;
    return decision == "healthy" ? Colour::green : Colour::red;
}

void show_chains_of(const View& view, const json& family)
{
    const auto& findings = array_member(member(family, "diagnosis"), "findings");
    const auto decision = text_member(family, "decision");
    if (member(family, "guarded") == false) {
        view.screen.row("kubelet's chains", of_family(family, "kubelet makes none in this family"));
        return;
    }
    if (findings.empty()) {
        view.screen.row("kubelet's chains", of_family(family, "all there"), Colour::green);
        return;
    }
    view.screen.row("kubelet's chains",
                    of_family(family, fmt::format("{}; {}", counted(findings.size(), "finding"), decision)),
                    colour_of(decision));
    for (std::size_t index = 0; index < findings.size() && index < most_findings; ++index)
        view.screen.detail(text_member(findings[index], "text"));
    if (findings.size() > most_findings)
        view.screen.detail(fmt::format("and {} more: `chainkeeper check` lists them", findings.size() - most_findings));
}

void show_chains(const View& view)
{
    if (view.families().empty())
        view.screen.row("kubelet's chains", "nothing was looked at yet", Colour::yellow);
    for (const auto& family : view.families())
        show_chains_of(view, family);
}

std::string kubelet_line(const json& kubelet)
{
    const auto state = text_member(kubelet, "state");
    const auto version = text_member(kubelet, "version");
    if (state == "inactive")
        return "none of its units is active";
    if (state != "active")
        return version.empty() ? "systemd was not asked" : fmt::format("{}; systemd was not asked", version);
    auto line = fmt::format("{} is active", text_member(kubelet, "unit"));
    if (const auto pid = count_member(kubelet, "main_pid"); pid != 0)
        line += fmt::format(", pid {}", pid);
    return version.empty() ? line : fmt::format("{}, {}", line, version);
}

std::string listening_line(const View& view, const json& family)
{
    const auto monitor = text_member(family, "monitor");
    const auto source = text_member(family, "source");
    const auto deadline = view.when(family, "monitor_deadline");
    const std::string_view listens = monitor == "alive"  ? "listening"
                                     : monitor == "dead" ? "not listening"
                                                         : "not known whether it listens";
    auto line = source.empty() || source == "none" ? std::string{listens} : fmt::format("{} (by {})", listens, source);
    if (!deadline.empty())
        line += fmt::format("; its canary is gone, and it has until {}", deadline);
    return line;
}

void show_kubelet(const View& view)
{
    const auto& kubelet = member(view.status, "kubelet");
    const bool active = text_member(kubelet, "state") == "active";
    view.screen.row("kubelet", kubelet_line(kubelet),
                    active || !has_daemon(view.status) ? Colour::none : Colour::yellow);
    if (flag_member(kubelet, "opted_out"))
        view.screen.row("kubelet", "it makes no chains at all: makeIPTablesUtilChains is false");
    for (const auto& family : view.families())
        if (member(family, "guarded") != false) {
            view.screen.row("kubelet", of_family(family, listening_line(view, family)));
            for (const auto& object : array_member(family, "left_out"))
                view.screen.row("kubelet", of_family(family, fmt::format("does not make {}, which is not guarded",
                                                                         object.get<std::string>())));
        }
}

// What a decision comes to, in words.
std::string_view meaning_of(std::string_view decision)
{
    if (decision == "repair: assist")
        return "all but the canaries at once, the canaries when kubelet has missed its deadline";
    if (decision == "repair: nudge")
        return "kubelet is made to rebuild everything itself";
    if (decision.starts_with("repair"))
        return "everything comes back at once";
    if (decision.starts_with("would_repair"))
        return "nothing is written, and what would be is reported";
    if (decision.starts_with("wait"))
        return "it waits for that, and then acts";
    if (decision.starts_with("refuse") || decision.starts_with("report"))
        return "nothing is written";
    return "";
}

void show_at_flush(const View& view)
{
    if (!has_daemon(view.status)) {
        view.screen.row("at a flush now", "nothing: no daemon is there to hear of it", Colour::red);
        return;
    }
    for (const auto& family : view.families()) {
        const auto decision = text_member(family, "at_flush");
        const auto meaning = meaning_of(decision);
        if (!decision.empty())
            view.screen.row("at a flush now",
                            of_family(family, meaning.empty() ? decision : fmt::format("{}: {}", decision, meaning)));
    }
}

void show_last(const View& view)
{
    const auto& incident = member(view.status, "last_incident");
    const auto& repair = member(view.status, "last_repair");
    if (incident.is_object()) {
        view.screen.row("last flush", view.when(incident, "at"));
        view.screen.row("last flush", flush_line(incident));
        for (const auto& family : array_member(incident, "families"))
            view.screen.row("last flush", family_line(family));
    }
    if (repair.is_object())
        view.screen.row("last repair", fmt::format("{}: {}", view.when(repair, "at"), family_line(repair)));
    else if (!incident.is_object())
        view.screen.row("last flush", "none is on record");
}

void show_standoff(const View& view)
{
    for (const auto& family : view.families()) {
        const auto until = view.when(family, "standoff_until");
        const auto against = text_member(family, "standoff_against");
        if (!until.empty())
            view.screen.row(
                "standing off",
                of_family(family, fmt::format("until {}, against {}", until, against.empty() ? "somebody" : against)),
                Colour::red);
    }
}

void show_holds(const View& view)
{
    const auto& hold = member(view.status, "hold");
    const auto& window = member(view.status, "change_window");
    if (hold.is_object())
        view.screen.row("held",
                        fmt::format("until {}, by {}: {}{}", view.when(hold, "until"), text_member(hold, "login"),
                                    text_member(hold, "reason"),
                                    flag_member(hold, "stop") ? " (nothing is even planned)" : ""),
                        Colour::yellow);
    else if (has_daemon(view.status))
        view.screen.row("held", "no");
    if (const auto until = view.when(window, "open_until"); !until.empty())
        view.screen.row("change window", fmt::format("open until {}; nothing is written", until), Colour::yellow);
    if (const auto next = view.when(window, "opens_next"); !next.empty())
        view.screen.row("change window", fmt::format("the next opens {}", next));
    show_standoff(view);
}

void show_settings(const View& view)
{
    const auto& backend = member(view.status, "backend");
    const auto name = text_member(backend, "name");
    const auto evidence = text_member(backend, "evidence");
    for (const auto& job : array_member(view.status, "disruptor_jobs"))
        view.screen.row("running now", fmt::format("{} of {}", text_member(job, "type"), text_member(job, "unit")),
                        Colour::yellow);
    view.screen.row("mode", text_member(view.status, "mode"));
    view.screen.row("backend", evidence.empty() ? name
                               : name.empty()   ? fmt::format("in doubt: {}", evidence)
                                                : fmt::format("{} ({})", name, evidence));
    if (const auto error = text_member(view.status, "policy_error"); !error.empty())
        view.screen.row("policy", error, Colour::red);
}

}  // namespace

std::string status_text(const json& status, WallTime now, bool colours)
{
    Screen screen{colours, label_width};
    const View view{.screen = screen, .status = status, .now = now};
    if (!has_daemon(status))
        screen.row("no daemon", text_member(status, "no_daemon"), Colour::red);
    show_chains(view);
    show_kubelet(view);
    show_at_flush(view);
    show_last(view);
    show_holds(view);
    show_settings(view);
    return screen.text();
}

}  // namespace chainkeeper::daemon
