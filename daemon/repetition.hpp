// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/journal_entry.hpp"

#include <string>
#include <vector>

namespace chainkeeper::daemon {

// Keeps a storm out of the journal: what says the same again and again, but for its numbers, is written once a minute,
// with how often it was said. Only ever troubles, gaps, news of kubelet and notices: a decision, and what became of a
// repair, is always written. Time comes in as an argument, and goes forward.
class Repetition {
public:
    // Whether it is to be written now. If not, due() or rest() will tell of it.
    bool admits(const Entry& entry, Instant now);

    // What was held back, and has waited long enough: the last of its kind each, "(repeated 17 times)".
    std::vector<Entry> due(Instant now);
    // The same whether it has waited or not: nothing comes after it.
    std::vector<Entry> rest();

private:
    struct Sentence {
        std::string key;
        Entry last;
        Instant written;
        unsigned held_back = 0;
        bool mixed = false;  // more than one sentence is counted here
    };
    Sentence& sentence_of(const Entry& entry, Instant now);
    static Entry summary(const Sentence& sentence);

    std::vector<Sentence> sentences_;
};

}  // namespace chainkeeper::daemon
