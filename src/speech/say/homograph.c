/* homograph.c -- the class "homograph": English words that are said in two ways, told apart by the
 * words beside them. A row has the sounds of both and a rule; where no rule speaks the first is
 * said.
 *
 * Rules look at what stands before (an article, "to", "have") and behind; they are the usual ones
 * of front ends (J. Allen et al., From Text to Speech: The MITalk System, 1987, ch. 5; D. Yarowsky,
 * "Homograph disambiguation in text-to-speech synthesis", 1997). Sounds: CMU's dictionary in IPA.
 */
#include "speech/say/say_in.h"

typedef enum rule {
    NOUN_OR_VERB,      /* the first is a noun or adjective, the second a verb */
    VERB_OR_ADJECTIVE, /* the first is a verb, the second an adjective: "close", "live", "separate"
                        */
    PAST,              /* present, past: "read" */
    MOSTLY_NOUN, /* the first is a noun; the second with its own words, or a verb for certain */
    BY_WORDS     /* the second with one of its own words beside it */
} rule;

typedef struct homograph {
    const char *word;
    rule rule;
    const char *first, *second; /* IPA */
    const char *first_part, *second_part;
    const char *words; /* BY_WORDS, and VERB_OR_ADJECTIVE: they stand near the second */
} homograph;

static const homograph rows[] = {
    { "read", PAST, "ˈɹid", "ˈɹɛd", "VB", "VBD", NULL },
    { "lead", BY_WORDS, "ˈlid", "ˈlɛd", "VB", "NN",
      " pipe pipes paint paints poisoning pencil contamination exposure bullet bullets "
      "heavier lighter softer denser zinc copper iron tin arsenic mercury toxic batteries battery "
      "free acid crystal ore "
      "molten tetraethyl traces contain contains containing " },
    { "live", VERB_OR_ADJECTIVE, "ˈlɪv", "ˈlaɪv", "VB", "JJ",
      " from music show broadcast broadcasts coverage concert concerts performance event events "
      "stream streaming audience "
      "news band updates tv television video feed ammunition wire wires went go going report "
      "reporting " },
    { "wind", MOSTLY_NOUN, "ˈwɪnd", "ˈwaɪnd", "NN", "VB", " up down its through around " },
    { "winds", MOSTLY_NOUN, "ˈwɪndz", "ˈwaɪndz", "NN", "VB", " up down its through around " },
    { "bass", BY_WORDS, "ˈbeɪs", "ˈbæs", "SENSE_0", "SENSE_1",
      " fish fishing caught catch sea striped lake largemouth smallmouth river trout fried grilled "
      "boat pond " },
    { "tear", MOSTLY_NOUN, "ˈtɪɹ", "ˈtɛɹ", "NN", "VB",
      " up down apart off out into through wear muscle ligament acl meniscus rotator cuff tendon "
      "hamstring calf labrum paper " },
    { "tears", MOSTLY_NOUN, "ˈtɪɹz", "ˈtɛɹz", "NN", "VB",
      " up apart off through into muscle ligament meniscus cuff tendon " },
    { "bow", MOSTLY_NOUN, "ˈboʊ", "ˈbaʊ", "NN", "VB",
      " down out ship ship's ships before stern take took takes taking taken final head heads " },
    { "bowed", BY_WORDS, "ˈbaʊd", "ˈboʊd", "VBD", "JJ", " string strings legs " },
    { "row", BY_WORDS, "ˈɹoʊ", "ˈɹaʊ", "NN", "SENSE_1", " diplomatic bitter political furious " },
    { "sow", BY_WORDS, "ˈsoʊ", "ˈsaʊ", "VB", "NN", " pig piglets pigs boar " },
    { "wound", BY_WORDS, "ˈwund", "ˈwaʊnd", "NN", "VBD",
      " up down around clock tightly through watch tight " },
    { "dove", BY_WORDS, "ˈdʌv", "ˈdoʊv", "NN", "VBD",
      " into in off under for deep deeper he she they we i who then head " },
    { "does", BY_WORDS, "ˈdʌz", "ˈdoʊz", "VB", "NN", " bucks fawns stags deer " },
    { "polish", BY_WORDS, "ˈpɑlɪʃ", "ˈpoʊlɪʃ", "VB", "JJ", "^" },
    { "job", BY_WORDS, "ˈdʒɑb", "ˈdʒoʊb", "NN", "SENSE_1", " prophet bible biblical " },
    { "resume", NOUN_OR_VERB, "ˈɹɛzəmeɪ", "ɹɪˈzum", "NN", "VB", NULL },
    { "minute", BY_WORDS, "ˈmɪnət", "maɪˈnut", "NN", "JJ",
      " detail details amount amounts particle particles quantity quantities trace traces fraction "
      "fractions differences changes cracks " },
    { "content", BY_WORDS, "ˈkɑntɛnt", "kənˈtɛnt", "NN", "JJ",
      " with am is was are were be feel felt to " },
    { "invalid", BY_WORDS, "ɪnˈvælɪd", "ˈɪnvəlɪd", "JJ", "NN", " elderly bedridden an_ " },
    { "number", BY_WORDS, "ˈnʌmbɚ", "ˈnʌmɚ", "NN", "JJ", " feeling felt " },
    { "buffet", BY_WORDS, "bəˈfeɪ", "ˈbʌfɪt", "NN", "VB", " winds waves to " },
    { "desert", NOUN_OR_VERB, "ˈdɛzɚt", "dɪˈzɝt", "NN", "VB", NULL },
    { "record", NOUN_OR_VERB, "ˈɹɛkɚd", "ɹɪˈkɔɹd", "NN", "VB", NULL },
    { "present", NOUN_OR_VERB, "ˈpɹɛzənt", "pɹɪˈzɛnt", "NN", "VB", NULL },
    { "object", NOUN_OR_VERB, "ˈɑbdʒɛkt", "əbˈdʒɛkt", "NN", "VB", NULL },
    { "project", NOUN_OR_VERB, "ˈpɹɑdʒɛkt", "pɹəˈdʒɛkt", "NN", "VB", NULL },
    { "produce", NOUN_OR_VERB, "ˈpɹoʊdus", "pɹəˈdus", "NN", "VB", NULL },
    { "conduct", NOUN_OR_VERB, "ˈkɑndʌkt", "kənˈdʌkt", "NN", "VB", NULL },
    { "contract", NOUN_OR_VERB, "ˈkɑntɹækt", "kənˈtɹækt", "NN", "VB", NULL },
    { "permit", NOUN_OR_VERB, "ˈpɝmɪt", "pɚˈmɪt", "NN", "VB", NULL },
    { "rebel", NOUN_OR_VERB, "ˈɹɛbəl", "ɹɪˈbɛl", "NN", "VB", NULL },
    { "conflict", NOUN_OR_VERB, "ˈkɑnflɪkt", "kənˈflɪkt", "NN", "VB", NULL },
    { "contest", NOUN_OR_VERB, "ˈkɑntɛst", "kənˈtɛst", "NN", "VB", NULL },
    { "contrast", NOUN_OR_VERB, "ˈkɑntɹæst", "kənˈtɹæst", "NN", "VB", NULL },
    { "insult", NOUN_OR_VERB, "ˈɪnsʌlt", "ɪnˈsʌlt", "NN", "VB", NULL },
    { "import", NOUN_OR_VERB, "ˈɪmpɔɹt", "ɪmˈpɔɹt", "NN", "VB", NULL },
    { "export", NOUN_OR_VERB, "ˈɛkspɔɹt", "ɪkˈspɔɹt", "NN", "VB", NULL },
    { "increase", NOUN_OR_VERB, "ˈɪnkɹis", "ɪnˈkɹis", "NN", "VB", NULL },
    { "decrease", NOUN_OR_VERB, "ˈdikɹis", "dɪˈkɹis", "NN", "VB", NULL },
    { "progress", NOUN_OR_VERB, "ˈpɹɑɡɹɛs", "pɹəˈɡɹɛs", "NN", "VB", NULL },
    { "protest", NOUN_OR_VERB, "ˈpɹoʊtɛst", "pɹəˈtɛst", "NN", "VB", NULL },
    { "suspect", NOUN_OR_VERB, "ˈsʌspɛkt", "səˈspɛkt", "NN", "VB", NULL },
    { "subject", NOUN_OR_VERB, "ˈsʌbdʒɪkt", "səbˈdʒɛkt", "NN", "VB", NULL },
    { "survey", NOUN_OR_VERB, "ˈsɝveɪ", "sɚˈveɪ", "NN", "VB", NULL },
    { "transfer", NOUN_OR_VERB, "ˈtɹænsfɚ", "tɹænsˈfɝ", "NN", "VB", NULL },
    { "transport", NOUN_OR_VERB, "ˈtɹænspɔɹt", "tɹænˈspɔɹt", "NN", "VB", NULL },
    { "perfect", NOUN_OR_VERB, "ˈpɝfəkt", "pɚˈfɛkt", "JJ", "VB", NULL },
    /* without a mark, as flite has it: the words around keep its own lengths */
    { "use", NOUN_OR_VERB, "jus", "ˈjuz", "NN", "VB", NULL },
    { "houses", BY_WORDS, "ˈhaʊzɪz", "ˈhaʊzɪz", "NN", "VB", " " },
    { "house", NOUN_OR_VERB, "ˈhaʊs", "ˈhaʊz", "NN", "VB", NULL },
    { "excuse", NOUN_OR_VERB, "ɪkˈskjus", "ɪkˈskjuz", "NN", "VB", NULL },
    { "abuse", NOUN_OR_VERB, "əˈbjus", "əˈbjuz", "NN", "VB", NULL },
    { "estimate", NOUN_OR_VERB, "ˈɛstəmət", "ˈɛstəmeɪt", "NN", "VB", NULL },
    { "graduate", NOUN_OR_VERB, "ˈɡɹædʒuət", "ˈɡɹædʒueɪt", "NN", "VB", NULL },
    { "associate", NOUN_OR_VERB, "əˈsoʊsiət", "əˈsoʊsieɪt", "NN", "VB", NULL },
    { "advocate", NOUN_OR_VERB, "ˈædvəkət", "ˈædvəkeɪt", "NN", "VB", NULL },
    { "delegate", NOUN_OR_VERB, "ˈdɛləɡət", "ˈdɛləɡeɪt", "NN", "VB", NULL },
    { "duplicate", NOUN_OR_VERB, "ˈdupləkət", "ˈdupləkeɪt", "NN", "VB", NULL },
    { "alternate", NOUN_OR_VERB, "ˈɔltɚnət", "ˈɔltɚneɪt", "JJ", "VB", NULL },
    { "moderate", NOUN_OR_VERB, "ˈmɑdɚət", "ˈmɑdɚeɪt", "JJ", "VB", NULL },
    { "separate", NOUN_OR_VERB, "ˈsɛpɹət", "ˈsɛpɚeɪt", "JJ", "VB", NULL },
    { "deliberate", NOUN_OR_VERB, "dɪˈlɪbɚət", "dɪˈlɪbɚeɪt", "JJ", "VB", NULL },
    { "elaborate", NOUN_OR_VERB, "ɪˈlæbɹət", "ɪˈlæbɚeɪt", "JJ", "VB", NULL },
    { "appropriate", NOUN_OR_VERB, "əˈpɹoʊpɹiət", "əˈpɹoʊpɹieɪt", "JJ", "VB", NULL },
    { "approximate", NOUN_OR_VERB, "əˈpɹɑksəmət", "əˈpɹɑksəmeɪt", "JJ", "VB", NULL },
    { "articulate", NOUN_OR_VERB, "ɑɹˈtɪkjələt", "ɑɹˈtɪkjəleɪt", "JJ", "VB", NULL },
    { "intimate", NOUN_OR_VERB, "ˈɪntəmət", "ˈɪntəmeɪt", "JJ", "VB", NULL },
    { "coordinate", NOUN_OR_VERB, "koʊˈɔɹdənət", "koʊˈɔɹdəneɪt", "NN", "VB", NULL },
    { "attribute", NOUN_OR_VERB, "ˈætɹəbjut", "əˈtɹɪbjut", "NN", "VB", NULL },
    { "combine", NOUN_OR_VERB, "ˈkɑmbaɪn", "kəmˈbaɪn", "NN", "VB", NULL },
    { "compound", NOUN_OR_VERB, "ˈkɑmpaʊnd", "kəmˈpaʊnd", "NN", "VB", NULL },
    { "console", NOUN_OR_VERB, "ˈkɑnsoʊl", "kənˈsoʊl", "NN", "VB", NULL },
    { "convert", NOUN_OR_VERB, "ˈkɑnvɝt", "kənˈvɝt", "NN", "VB", NULL },
    { "convict", NOUN_OR_VERB, "ˈkɑnvɪkt", "kənˈvɪkt", "NN", "VB", NULL },
    { "digest", NOUN_OR_VERB, "ˈdaɪdʒɛst", "daɪˈdʒɛst", "NN", "VB", NULL },
    { "discount", NOUN_OR_VERB, "ˈdɪskaʊnt", "dɪsˈkaʊnt", "NN", "VB", NULL },
    { "escort", NOUN_OR_VERB, "ˈɛskɔɹt", "ɛˈskɔɹt", "NN", "VB", NULL },
    { "exploit", NOUN_OR_VERB, "ˈɛksplɔɪt", "ɪkˈsplɔɪt", "NN", "VB", NULL },
    { "extract", NOUN_OR_VERB, "ˈɛkstɹækt", "ɪkˈstɹækt", "NN", "VB", NULL },
    { "impact", NOUN_OR_VERB, "ˈɪmpækt", "ɪmˈpækt", "NN", "VB", NULL },
    { "incline", NOUN_OR_VERB, "ˈɪnklaɪn", "ɪnˈklaɪn", "NN", "VB", NULL },
    { "refuse", NOUN_OR_VERB, "ˈɹɛfjus", "ɹɪˈfjuz", "NN", "VB", NULL },
    { "upset", NOUN_OR_VERB, "ˈʌpsɛt", "ʌpˈsɛt", "NN", "VB", NULL },
    { "upgrade", NOUN_OR_VERB, "ˈʌpɡɹeɪd", "ʌpˈɡɹeɪd", "NN", "VB", NULL },
    { "update", NOUN_OR_VERB, "ˈʌpdeɪt", "ʌpˈdeɪt", "NN", "VB", NULL },
    { "address", NOUN_OR_VERB, "ˈædɹɛs", "əˈdɹɛs", "NN", "VB", NULL },
    { "entrance", BY_WORDS, "ˈɛntɹəns", "ɪnˈtɹæns", "NN", "VB", " audiences listeners " },
    { "close", VERB_OR_ADJECTIVE, "ˈkloʊz", "ˈkloʊs", "VB", "JJ",
      " to so very too enough as friend friends call race game how pretty relatively behind "
      "together by in second come came stay stayed keep kept get got " },
    { "closer", BY_WORDS, "ˈkloʊsɚ", "ˈkloʊzɚ", "JJ", "NN", " deal bullpen " },
};
#define ROWS (sizeof rows / sizeof *rows)

/* ---- sets of words beside */

static const char *const determiners[] = {
    "a",     "an",      "the",     "this",  "that",  "these",    "those",   "my",    "your",
    "his",   "her",     "its",     "our",   "their", "no",       "some",    "any",   "each",
    "every", "new",     "first",   "last",  "of",    "such",     "another", "all",   "final",
    "own",   "on",      "for",     "with",  "from",  "in",       "by",      "at",    "into",
    "under", "many",    "several", "one's", "old",   "big",      "good",    "great", "long",
    "world", "current", "main",    "per",   "same",  "high",     "low",     "sharp", "was",
    "is",    "are",     "were",    "been",  "be",    "criminal", "public",  "more",  NULL
};
static const char *const verbal[] = {
    "to",     "will",     "would",    "can",       "could",  "should",  "shall",
    "may",    "might",    "must",     "don't",     "didn't", "doesn't", "won't",
    "can't",  "couldn't", "wouldn't", "shouldn't", "cannot", "please",  "let",
    "lets",   "let's",    "not",      "never",     "do",     "did",     "i",
    "you",    "we",       "they",     "who",       "also",   "and_",    "help",
    "helped", "often",    "always",   "i'll",      "we'll",  "they'll", "you'll",
    "he'll",  "she'll",   "it'll",    "i'd",       "we'd",   "they'd",  NULL
};
static const char *const perfect[] = { "have",   "has",     "had",     "having", "i've",   "we've",
                                       "you've", "they've", "was",     "were",   "been",   "be",
                                       "being",  "is",      "are",     "he's",   "she's",  "it's",
                                       "well",   "widely",  "haven't", "hasn't", "hadn't", NULL };
static const char *const past_words[] = {
    "yesterday", "ago", "earlier", "last", "previously", NULL
};
static const char *const singulars[] = { "he", "she", "it", "who", "also", NULL };
static const char *const objects[] = { "the", "a",    "an",  "this", "that", "these", "those",
                                       "my",  "your", "his", "her",  "its",  "our",   "their",
                                       "it",  "them", "him", "me",   "us",   NULL };

/* Does `word` stand in the list " a b c "? */
static bool is_listed(const char *list, ft_str word) {
    char text[40];
    if (word.len == 0 || word.len + 3 > sizeof text) return false;
    text[0] = ' ';
    for (size_t i = 0; i < word.len; i++)
        text[i + 1] = (char)(ft_is_upper(word.at[i]) ? word.at[i] | 32 : word.at[i]);
    text[word.len + 1] = ' ';
    text[word.len + 2] = 0;
    return strstr(list, text) != NULL;
}

static bool is_near(const ft_saying *s, const char *list, int reach) {
    for (int i = -reach; i <= reach; i++)
        if (i && is_listed(list, ft_text_at(s, i))) return true;
    return false;
}

static bool has_near(const ft_saying *s, const char *const *list, int from, int to) {
    for (int i = from; i <= to; i++)
        if (i && ft_word_in(ft_text_at(s, i), list)) return true;
    return false;
}

/* ---- the rules: is it the second? */

static bool is_verb(const ft_saying *s, bool third_person) {
    static const char *const adverbs[] = { "really", "also",    "still",  "then",   "quickly",
                                           "not",    "never",   "often",  "always", "just",
                                           "even",   "further", "better", "fully",  NULL };
    ft_str before = ft_text_at(s, -1), next = ft_text_at(s, 1);
    bool first = s->at == 0 || !ft_joined(s, -1);
    if (ft_word_in(before, adverbs)) before = ft_text_at(s, -2);
    if (!first && ft_word_in(before, third_person ? singulars : verbal)) return true;
    if (!first && ft_word_in(before, determiners)) return false;
    /* "Record the message": an order; "people object to it", "farms produce milk" */
    if (ft_joined(s, 0) && ft_word_in(next, objects)) return true;
    bool plural = before.len > 3 && ft_str_ends(before, FT_STR("s")) &&
                  !ft_str_ends(before, FT_STR("'s")) && !ft_str_ends(before, FT_STR("ss")) &&
                  ft_is_lower(before.at[0]);
    return !first && plural && ft_joined(s, 0) && !ft_is_function_word(s, next);
}

static bool ends_sentence(const ft_token *t) {
    for (size_t i = 0; i < t->after.len; i++)
        if (strchr(".?!", t->after.at[i])) return true;
    return false;
}

static bool is_past(const ft_saying *s) {
    static const char *const futures[] = { "to",  "will",   "can",   "could",  "should", "would",
                                           "may", "might",  "must",  "don't",  "didn't", "did",
                                           "do",  "please", "let's", "won't",  "can't",  "couldn't",
                                           "not", "i'll",   "we'll", "you'll", NULL };
    if (has_near(s, futures, -1, -1)) return false;
    if (has_near(s, perfect, -2, -1) || has_near(s, singulars, -1, -1)) return true;
    for (int step = -1; step <= 1; step += 2) /* in its sentence: "last night", "a year ago" */
        for (int i = step; i >= -8 && i <= 8; i += step) {
            const ft_token *t = ft_saying_token(s, i);
            if (!t || (step < 0 && ends_sentence(t))) break;
            if (ft_word_in(t->text, past_words)) return true;
            if (ends_sentence(t)) break;
        }
    ft_str before = ft_text_at(s, -1);
    bool name =
        s->at > 0 && ft_begins_upper(before) && !ft_is_function_word(s, before) && ft_joined(s, -1);
    return name; /* "Mary read the letter" */
}

/* "at the close", "by the close of trading": a noun that sounds as the verb does. "so close" and
 * "the close race" are none. */
static bool ends_a_noun(const ft_saying *s, const homograph *h) {
    static const char *const articles[] = { "the",   "a",       "its",         "market",
                                            "day's", "today's", "yesterday's", NULL };
    ft_str next = ft_text_at(s, 1);
    bool alone = next.len == 0 || !ft_joined(s, 0) || ft_is_function_word(s, next);
    return h->word[0] == 'c' && alone && ft_word_in(ft_text_at(s, -1), articles);
}

/* The word before, or the one before its article: "took a bow", "a meniscus tear". */
static ft_str before_article(const ft_saying *s) {
    ft_str before = ft_text_at(s, -1);
    static const char *const articles[] = {
        "a", "an", "the", "his", "her", "their", "final", NULL
    };
    return ft_word_in(before, articles) ? ft_text_at(s, -2) : before;
}

/* A verb for certain: "to wind the clock", "don't tear it"; not "to wind and rain". */
static bool is_order(const ft_saying *s, ft_str before) {
    return ft_word_in(before, verbal) && ft_joined(s, 0) && ft_word_in(ft_text_at(s, 1), objects);
}

static bool begins_sentence(const ft_saying *s) {
    return s->at == 0 || ends_sentence(&s->tokens[s->at - 1]);
}

static bool ends_phrase(const ft_saying *s) {
    ft_str next = ft_text_at(s, 1);
    return next.len == 0 || !ft_joined(s, 0) || ft_is_function_word(s, next);
}

/* What the place of a word that goes by its neighbours tells for certain: 1, the second; 0, the
 * first; -1: nothing. */
static int by_place(const ft_saying *s, const homograph *h) {
    static const char *const music[] = { "player",  "guitar", "guitarist", "drum",
                                         "drums",   "line",   "solo",      "clef",
                                         "note",    "notes",  "voice",     "sound",
                                         "speaker", "singer", "clarinet",  NULL };
    static const char *const subjects[] = { "he", "she", "they", "we", "i", "who", "it", NULL };
    ft_str before = ft_text_at(s, -1), next = ft_text_at(s, 1);
    if (strcmp(h->word, "bass") == 0 && ft_word_in(next, music)) return 0;
    if (strcmp(h->word, "sow") == 0 && ft_word_in(before, determiners)) return 1;
    if (strcmp(h->word, "lead") == 0 && ft_str_is(before, "of") && ends_phrase(s)) return 1;
    if (strcmp(h->second_part, "VBD") != 0 || ft_word_in(before, determiners)) return -1;
    bool verb = ft_word_in(before, subjects) && ft_joined(s, 0) && ft_word_in(next, objects);
    return verb ? 1 : -1; /* he wound the bandage */
}

static bool is_second(const ft_saying *s, const homograph *h, bool plural) {
    ft_str text = s->tokens[s->at].text, before = ft_text_at(s, -1);
    bool after_to = ft_word_in(before, verbal);
    switch (h->rule) {
    case NOUN_OR_VERB:
        return is_verb(s, plural);
    case PAST:
        return is_past(s);
    case VERB_OR_ADJECTIVE: {
        ft_str next = ft_text_at(s, 1);
        bool near = is_listed(h->words, next) || is_listed(h->words, before);
        /* "to close to" hardly occurs; "to live from" does not either */
        if (after_to || ends_a_noun(s, h)) return false;
        bool attribute =
            ft_word_in(before, (const char *const[]){ "a", "an", "was", "is", "are", "were", "be",
                                                      "been", "more", "most", NULL });
        return near || attribute;
    }
    case MOSTLY_NOUN:
        return is_listed(h->words, ft_text_at(s, 1)) || is_listed(h->words, before_article(s)) ||
               is_order(s, before) ||
               (begins_sentence(s) && ft_joined(s, 0) && ft_word_in(ft_text_at(s, 1), objects));
    case BY_WORDS:
        break;
    }
    int place = by_place(s, h);
    if (place >= 0) return place;
    if (h->words[0] == '^') return ft_is_upper(text.at[0]) && s->at > 0;
    bool beside = h->second_part[0] == 'V' || h->second_part[0] == 'J';
    return is_near(s, h->words, beside ? 1 : 3);
}

/* ---- the class */

static const homograph *find_row(ft_str word, bool *plural) {
    *plural = false;
    for (size_t i = 0; i < ROWS; i++) {
        ft_str own = ft_str_of(rows[i].word);
        if ((word.at[0] | 32) != own.at[0]) continue;
        if (ft_str_ieq(word, own)) return &rows[i];
        /* "records", "objects" are in two ways, too */
        bool longer = word.len == own.len + 1 && (word.at[own.len] | 32) == 's';
        if (rows[i].rule != NOUN_OR_VERB || !longer ||
            !ft_str_ieq(ft_str_slice(word, 0, own.len), own))
            continue;
        *plural = true;
        return &rows[i];
    }
    return NULL;
}

/* The s behind a word as it sounds there. */
static const char *plural_sound(const char *ipa) {
    static const char *const hissing[] = { "s", "z", "ʃ", "ʒ", NULL };
    static const char *const voiceless[] = { "t", "k", "p", "f", NULL };
    ft_str sounds = ft_str_of(ipa);
    for (const char *const *h = hissing; *h; h++)
        if (ft_str_ends(sounds, ft_str_of(*h))) return "əz";
    for (const char *const *v = voiceless; *v; v++)
        if (ft_str_ends(sounds, ft_str_of(*v))) return "s";
    return "z";
}

static bool say_row(ft_saying *s, const homograph *h, ft_str word, bool second, bool plural) {
    char lower[32], sounds[64];
    size_t len = word.len < sizeof lower ? word.len : sizeof lower;
    for (size_t i = 0; i < len; i++) lower[i] = (char)(word.at[i] | 32);
    const char *ipa = second ? h->second : h->first;
    snprintf(sounds, sizeof sounds, "%s%s", ipa, plural ? plural_sound(ipa) : "");
    ft_say_sounds(s, ft_str_n(lower, len), sounds);
    s->part = ft_str_of(second ? h->second_part : h->first_part);
    return true;
}

const char *ft_homograph_word(size_t i) { return i < ROWS ? rows[i].word : NULL; }

bool ft_say_by_role(ft_saying *s, ft_str word, ft_str role) {
    bool plural;
    const homograph *h =
        word.len && word.len < 24 && ft_is_english(s) ? find_row(word, &plural) : NULL;
    if (ft_str_starts(role, FT_STR("amazon:"))) role = ft_str_from(role, 7);
    s->part = role;
    if (!h) return false;
    bool second = ft_str_is(role, h->second_part) || ft_str_is(role, "SENSE_1");
    /* "object" as VBD is a verb, too */
    second |= ft_str_is(role, "VBD") && strcmp(h->second_part, "VB") == 0;
    say_row(s, h, word, second, plural);
    s->part = role;
    return true;
}

static bool say_homograph(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    bool plural;
    if (text.len < 3 || text.len > 13) return false;
    bool accented = ft_str_ieq(text, FT_STR("résumé")) || ft_str_ieq(text, FT_STR("resumé"));
    const homograph *h = find_row(accented ? FT_STR("resume") : text, &plural);
    if (accented) return say_row(s, h, FT_STR("resume"), false, false);
    return h && say_row(s, h, text, is_second(s, h, plural), plural);
}

const ft_word_class ft_class_homograph = { "homograph", say_homograph };
