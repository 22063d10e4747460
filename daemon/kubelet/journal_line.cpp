// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/journal_line.hpp"

#include "policies/profile.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;
using Kind = KubeletLine::Kind;

// The lines that matter have less than 300 characters, in any of their forms.
constexpr std::size_t longest_message = 4096;
constexpr std::size_t longest_version = 64;

// A key and its value, as text. Quotes are taken off, escapes are left: no word that matters holds a character that Go
// would escape.
struct Field {
    std::string_view key;
    std::string_view value;
};

bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

// Takes what matches the pattern off the front: 'd' is a digit, anything else itself.
bool take_pattern(std::string_view& text, std::string_view pattern)
{
    const auto matches = [](char character, char wanted) {
        return wanted == 'd' ? is_digit(character) : character == wanted;
    };
    if (text.size() < pattern.size() || !std::equal(pattern.begin(), pattern.end(), text.begin(),
                                                    [&](char wanted, char have) { return matches(have, wanted); }))
        return false;
    text.remove_prefix(pattern.size());
    return true;
}

template <typename Belongs>
std::string_view take_while(std::string_view& text, Belongs belongs)
{
    const auto end = std::find_if_not(text.begin(), text.end(), belongs);
    const auto taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

// "I0101 12:00:00.000000    1234 kubelet_network_linux.go:63] ", as klog's formatHeader() writes it.
bool take_klog_header(std::string_view& text)
{
    if (text.empty() || std::string_view{"IWEF"}.find(text.front()) == std::string_view::npos)
        return false;
    text.remove_prefix(1);
    if (!take_pattern(text, "dddd dd:dd:dd.dddddd "))
        return false;
    take_while(text, [](char character) { return character == ' '; });
    if (take_while(text, is_digit).empty() || !take_pattern(text, " "))
        return false;
    const auto file = take_while(text, [](char character) { return character != ':' && character != ' '; });
    return !file.empty() && take_pattern(text, ":") && !take_while(text, is_digit).empty() && take_pattern(text, "] ");
}

// What stands between two quotes; a backslash takes the character after it along.
std::optional<std::string_view> take_quoted(std::string_view& text)
{
    if (!text.starts_with('"'))
        return std::nullopt;
    for (std::size_t end = 1; end < text.size(); ++end) {
        if (text[end] == '\\') {
            ++end;
            continue;
        }
        if (text[end] != '"')
            continue;
        const auto quoted = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        return quoted;
    }
    return std::nullopt;
}

// The next ` key="value"` or ` key=value`; nothing at the end, or where the text is not of that form.
std::optional<Field> take_field(std::string_view& text)
{
    if (!take_pattern(text, " "))
        return std::nullopt;
    const auto key = take_while(text, [](char character) { return character != '=' && character != ' '; });
    if (key.empty() || !take_pattern(text, "="))
        return std::nullopt;
    if (text.starts_with('"')) {
        const auto value = take_quoted(text);
        return value ? std::optional{Field{key, *value}} : std::nullopt;
    }
    return Field{key, take_while(text, [](char character) { return character != ' '; })};
}

// The value of the first field of that name; empty where there is none.
std::string_view field_of(std::string_view fields, std::string_view key)
{
    while (const auto field = take_field(fields))
        if (field->key == key)
            return field->value;
    return {};
}

std::optional<Kind> kind_of(std::string_view message)
{
    static constexpr std::array kinds{
        std::pair{std::string_view{"Initialized iptables rules."}, Kind::initialised},
        std::pair{std::string_view{"Failed to initialize iptables rules; some functionality may be missing."},
                  Kind::init_failed},
        std::pair{std::string_view{"No iptables support on this system; not creating the KUBE-IPTABLES-HINT chain"},
                  Kind::no_iptables},
        std::pair{std::string_view{"Kubelet version"}, Kind::version},
    };
    const auto* const found = std::ranges::find(kinds, message, &decltype(kinds)::value_type::first);
    return found == kinds.end() ? std::nullopt : std::optional{found->second};
}

std::optional<repair::Family> family_of(std::string_view protocol)
{
    if (protocol == "IPv4")
        return repair::Family::ipv4;
    return protocol == "IPv6" ? std::optional{repair::Family::ipv6} : std::nullopt;
}

// `field` gives the text of the field that it is asked for, empty where there is none.
template <typename FieldOf>
std::optional<KubeletLine> line_of(std::string_view message, FieldOf field)
{
    const auto kind = kind_of(message);
    if (!kind)
        return std::nullopt;
    KubeletLine line{.kind = *kind, .family = std::nullopt, .version = {}};
    if (*kind == Kind::version) {
        line.version = field("kubeletVersion");
        const bool is_version = line.version.size() <= longest_version && policies::parse_version(line.version);
        return is_version ? std::optional{line} : std::nullopt;
    }
    line.family = family_of(field("protocol"));
    return line.family || *kind == Kind::no_iptables ? std::optional{line} : std::nullopt;
}

std::optional<KubeletLine> line_from_text(std::string_view text)
{
    if (!take_klog_header(text))
        return std::nullopt;
    const auto message = take_quoted(text);
    if (!message)
        return std::nullopt;
    return line_of(*message, [&](std::string_view key) { return field_of(text, key); });
}

std::string string_in(const json& object, const char* key)
{
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->template get<std::string>() : std::string{};
}

// {"ts":…,"caller":"…","msg":"…","protocol":"IPv4","v":0}. Every line of kubelet's has the time and the caller.
std::optional<KubeletLine> line_from_json(std::string_view text)
{
    const auto object = json::parse(text, nullptr, false);
    if (!object.is_object() || !object.contains("ts") || !object.contains("caller"))
        return std::nullopt;
    return line_of(string_in(object, "msg"), [&](const char* key) { return string_in(object, key); });
}

// time="…" level=info msg="I0101 …] \"…\" protocol=\"IPv4\"" component=kubelet stream=stderr: how k0s, which starts
// kubelet as a child of its own, logs kubelet's lines (logrus' TextFormatter, k0s' pkg/supervisor).
std::optional<KubeletLine> line_from_k0s(std::string_view text)
{
    const auto fields = std::string{" "}.append(text);
    if (field_of(fields, "component") != "kubelet")
        return std::nullopt;
    // Go's quoting and JSON's are one for these lines: the escapes that JSON lacks are for characters they do not hold.
    const auto message = json::parse(fmt::format(R"("{}")", field_of(fields, "msg")), nullptr, false);
    return message.is_string() ? line_from_text(message.get_ref<const std::string&>()) : std::nullopt;
}

// In what kubelet and iptables say of a chain or a rule that could not be made.
constexpr std::array<std::string_view, 4> words_of_chains{"iptables", "ip6tables", "chain", "rule"};

// "E0101 …] "Failed to …" err="…"". k0s' line holds one, and is taken as it is.
std::optional<std::string> error_from_text(std::string_view text)
{
    if (text.starts_with("time=")) {
        const auto fields = std::string{" "}.append(text);
        return field_of(fields, "component") == "kubelet" && field_of(fields, "msg").starts_with('E')
                   ? std::optional{std::string{field_of(fields, "msg")}}
                   : std::nullopt;
    }
    const bool is_error = text.starts_with('E') && take_klog_header(text);
    return is_error ? std::optional{std::string{text}} : std::nullopt;
}

std::optional<std::string> error_from_json(std::string_view text)
{
    const auto object = json::parse(text, nullptr, false);
    if (!object.is_object() || !object.contains("ts") || !object.contains("err"))
        return std::nullopt;
    return fmt::format("{}: {}", string_in(object, "msg"), string_in(object, "err"));
}

}  // namespace

std::optional<KubeletLine> kubelet_line_from_message(std::string_view message)
{
    if (message.size() > longest_message)
        return std::nullopt;
    if (message.starts_with('{'))
        return line_from_json(message);
    if (message.starts_with("time="))
        return line_from_k0s(message);
    return line_from_text(message);
}

std::optional<std::string> kubelet_error_from_message(std::string_view message)
{
    if (message.size() > longest_message)
        return std::nullopt;
    auto error = message.starts_with('{') ? error_from_json(message) : error_from_text(message);
    const bool is_of_chains = error && std::ranges::any_of(words_of_chains, [&](auto word) {
                                  return error->find(word) != std::string::npos;
                              });
    return is_of_chains ? error : std::nullopt;
}

}  // namespace chainkeeper::daemon
