// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/repetition.hpp"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

constexpr Duration interval = std::chrono::minutes{1};

// A storm of ever new sentences must not fill the memory, nor the journal: those beyond are counted together.
constexpr std::size_t most_sentences = 32;

bool may_be_held_back(Message message)
{
    switch (message) {
    case Message::events_lost:
    case Message::kubelet:
    case Message::trouble:
    case Message::notice: return true;
    default: return false;
    }
}

bool is_word(char character)
{
    return std::isalnum(static_cast<unsigned char>(character)) != 0;
}

// A number is a word of digits: "17", but not the "4" of "ipv4".
std::string without_numbers(std::string_view text)
{
    std::string words;
    words.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_word);
        const auto length = std::max<std::size_t>(static_cast<std::size_t>(end - text.begin()) - at, 1);
        const auto word = text.substr(at, length);
        words += word.find_first_not_of("0123456789") == std::string_view::npos ? "#" : word;
        at += length;
    }
    return words;
}

std::string key_of(const Entry& entry)
{
    std::string key{to_string(entry.message)};
    for (const auto& line : entry.lines)
        key.append("\n").append(without_numbers(line.text));
    return key;
}

std::string repetition_text(unsigned held_back, bool mixed)
{
    if (!mixed)
        return fmt::format(" (repeated {} time{})", held_back, held_back == 1 ? "" : "s");
    return held_back == 1 ? "" : fmt::format(" (and {} more of this kind)", held_back - 1);
}

}  // namespace

bool Repetition::admits(const Entry& entry, Instant now)
{
    if (!may_be_held_back(entry.message))
        return true;
    const auto count = sentences_.size();
    auto& sentence = sentence_of(entry, now);
    if (sentences_.size() > count)
        return true;
    sentence.last = entry;
    ++sentence.held_back;
    return false;
}

// Beyond the most, the last one takes in whatever has no place of its own.
Repetition::Sentence& Repetition::sentence_of(const Entry& entry, Instant now)
{
    auto key = key_of(entry);
    if (const auto found = std::ranges::find(sentences_, key, &Sentence::key); found != sentences_.end())
        return *found;
    if (sentences_.size() < most_sentences)
        return sentences_.emplace_back(Sentence{.key = std::move(key), .last = entry, .written = now});
    sentences_.back().mixed = true;
    return sentences_.back();
}

std::vector<Entry> Repetition::due(Instant now)
{
    std::vector<Entry> summaries;
    for (auto& sentence : sentences_) {
        if (now - sentence.written < interval || sentence.held_back == 0)
            continue;
        summaries.push_back(summary(sentence));
        sentence.written = now;
        sentence.held_back = 0;
        sentence.mixed = false;
    }
    std::erase_if(sentences_, [&](const Sentence& sentence) { return now - sentence.written >= interval; });
    return summaries;
}

std::vector<Entry> Repetition::rest()
{
    std::vector<Entry> summaries;
    for (const auto& sentence : sentences_)
        if (sentence.held_back > 0)
            summaries.push_back(summary(sentence));
    sentences_.clear();
    return summaries;
}

Entry Repetition::summary(const Sentence& sentence)
{
    auto entry = sentence.last;
    entry.lines.front().text += repetition_text(sentence.held_back, sentence.mixed);
    entry.fields.push_back({.name = "CHAINKEEPER_REPEATED", .value = fmt::to_string(sentence.held_back)});
    return entry;
}

}  // namespace chainkeeper::daemon
