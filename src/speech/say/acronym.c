/* acronym.c -- the class "acronym": words in capitals. Some are words of their own (NASA), some are
 * said by letters (FBI), and in a text that shouts they are just words. Also names with capitals
 * inside (iPhone, YouTube) and letters that stand alone ("vitamin A").
 *
 * What no table knows is decided by whether it can be pronounced: "RADAR" begins and ends as words
 * do, "NCAA" does not. */
#include "speech/say/say_in.h"

static const char *const words[] = {
    "NASA",   "NATO",     "UNICEF",   "UNESCO", "OPEC",  "AIDS",   "SCUBA",   "LASER", "RADAR",
    "SONAR",  "FIFA",     "UEFA",     "FEMA",   "NAFTA", "ASCII",  "NASDAQ",  "OSHA",  "POTUS",
    "SCOTUS", "FLOTUS",   "SWAT",     "PIN",    "SIM",   "RAM",    "ROM",     "GIF",   "JPEG",
    "LAN",    "WAN",      "COVID",    "SARS",   "MERS",  "EBITDA", "CAPTCHA", "MOMA",  "AWOL",
    "SNAP",   "MADD",     "PETA",     "ACORN",  "YOLO",  "FOMO",   "NIMBY",   "ZIP",   "SAT",
    "NAND",   "BIOS",     "CAD",      "DARPA",  "NOAA",  "ICE",    "MAGA",    "TED",   "IKEA",
    "LEGO",   "VISA",     "NIKE",     "FICA",   "COBRA", "HIPAA",  "ERISA",   "FAFSA", "START",
    "SALT",   "NORAD",    "AMTRAK",   "CERN",   "ONU",   "OTAN",   "SIDA",    "OVNI",  "UNAM",
    "PEMEX",  "CONCACAF", "MERCOSUR", "IVA",    "NINA",  "NIÑO",   "TELMEX",  "BMX",   "RENFE",
    "EFE",    "AVE",      "TAC",      "WHO",    "CUDA",  "WIMAX",  "NAS",     "DOS",   "MIDI",
    "YAML",   "POSIX",    "GNOME",    "LINUX",  "UNIX",  NULL
};
static const char *const not_words[] = { "BMX", "DOS", "WHO", "TED", "SAT", "ICE", "AVE", NULL };
static const char *const by_letters[] = {
    "UCLA", "ASAP", "AARP", "USDA", "FAQ",  "USA",  "UAE",   "EPA",  "IRA", "IRS",  "UN",  "EU",
    "US",   "UK",   "AI",   "IT",   "ID",   "TV",   "PC",    "OS",   "UI",  "IQ",   "EV",  "ESL",
    "SEC",  "ACLU", "USPS", "ATM",  "ADHD", "AAA",  "ABC",   "ACT",  "AMA", "APA",  "API", "APR",
    "BBC",  "CEO",  "CFO",  "CIA",  "COO",  "CIO",  "DIY",   "DNA",  "DOJ", "DOE",  "DOD", "DUI",
    "ETA",  "FAA",  "FBI",  "FCC",  "FDA",  "FDR",  "GOP",   "GPA",  "GPS", "HIV",  "HR",  "ICU",
    "IEEE", "IPO",  "ISP",  "JFK",  "LA",   "LGBT", "LGBTQ", "MBA",  "MIT", "MLB",  "MRI", "MVP",
    "NBA",  "NFL",  "NHL",  "NIH",  "NYC",  "NSA",  "PTA",   "PR",   "RIP", "RNA",  "ROI", "SUV",
    "TSA",  "UFO",  "UPS",  "URL",  "USB",  "USC",  "UV",    "VIP",  "WWI", "WWII", "EST", "PST",
    "CST",  "EDT",  "PDT",  "ESPN", "IMF",  "ILO",  "ISO",   "IBM",  "AOL", "ERA",  "RBI", "UAW",
    "AFL",  "IOC",  "USAF", "USMC", "USGA", "PGA",  "UFC",   "OEA",  "EPS", "OMS",  "UE",  "PIB",
    "ADN",  "EEUU", "IVR",  "TTS",  "ASR",  "DVD",  "CD",    "AC",   "DC",  "AM",   "PM",  "MC",
    "DJ",   "ER",   "OR",   "IP",   "AD",   "BC",   "CE",    "BCE",  "ETF", "IOU",  "ESG", "EMT",
    "RV",   "AG",   "PA",   "NE",   "EDM",  "ICBM", "IED",   "OED",  "USS", "HMS",  "AUV", "UAV",
    "SOS",  "OTC",  "AMC",  "AFC",  "CDC",  "ECB",  "OECD",  "UCSF", "AMD", "AWS",  "ONG", "ET",
    "PT",   "CT",   "MT",   "MST",  "MDT",  "UTC",  "GMT",   "IVF",  NULL
};
/* Words that people write in capitals for emphasis: never letters. */
static const char *const shouted[] = {
    "NOT",   "AND",    "ALL",   "FREE", "NEW",   "NOW",    "YES",    "NO",   "STOP", "SALE",
    "THE",   "BUT",    "ONLY",  "MUST", "NEVER", "ALWAYS", "VERY",   "MORE", "LESS", "BEST",
    "OPEN",  "CLOSED", "HELP",  "ANY",  "OUT",   "OFF",    "ON",     "IN",   "OF",   "TO",
    "FOR",   "WITH",   "YOU",   "YOUR", "WE",    "MY",     "ME",     "HE",   "SHE",  "THEY",
    "IS",    "ARE",    "WAS",   "BE",   "DO",    "DID",    "CAN",    "WILL", "HOT",  "BIG",
    "WIN",   "BUY",    "GET",   "LAST", "NEXT",  "DAY",    "TODAY",  "NEWS", "LIVE", "EXIT",
    "PUSH",  "PULL",   "WALK",  "SLOW", "READ",  "ONE",    "TWO",    "TEN",  "THIS", "THAT",
    "FROM",  "BY",     "AT",    "AN",   "IF",    "SO",     "UP",     "GO",   "TOO",  "HOW",
    "WHY",   "WHEN",   "WHAT",  "EL",   "LOS",   "LAS",    "SI",     "SÍ",   "MUY",  "MÁS",
    "QUE",   "CON",    "SIN",   "POR",  "PARA",  "MAX",    "PRO",    "AIR",  "MINI", "PLUS",
    "NUNCA", "TODO",   "TODOS", "HOY",  "AHORA", "GRATIS", "OFERTA", "ALTO", "PARE", "PELIGRO",
    NULL
};

/* How words begin and end; what else has no vowel or is longer needs its letters. */
static bool is_vowel(char c) { return strchr("AEIOUY", c) != NULL; }

static bool begins_well(ft_str s) {
    static const char *const pairs[] = { "BL", "BR", "CH", "CL", "CR", "DR", "DW", "FL",
                                         "FR", "GL", "GR", "KN", "PH", "PL", "PR", "SC",
                                         "SH", "SK", "SL", "SM", "SN", "SP", "ST", "SW",
                                         "TH", "TR", "TW", "WH", "WR", "QU", "SQ", NULL };
    if (is_vowel(s.at[0]) || is_vowel(s.at[1])) return true;
    return ft_head_of(s, pairs) && s.len > 2 && (is_vowel(s.at[2]) || s.at[0] == 'S');
}

static bool ends_well(ft_str s) {
    static const char *const pairs[] = { "CK", "CT", "FT", "GH", "LD", "LF", "LK", "LL", "LM",
                                         "LP", "LT", "MP", "ND", "NG", "NK", "NT", "PT", "RD",
                                         "RK", "RL", "RM", "RN", "RP", "RS", "RT", "SH", "SK",
                                         "SP", "SS", "ST", "TH", "TS", "CH", "PS", "KS", "NS",
                                         "LS", "MS", "DS", "WN", "WS", "XT", NULL };
    char last = s.at[s.len - 1], before = s.at[s.len - 2];
    if (is_vowel(last) || is_vowel(before)) return true;
    return ft_head_of(ft_str_from(s, s.len - 2), pairs) > 0;
}

static bool is_pronounceable(ft_str s) {
    size_t consonants = 0, vowels = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool vowel = is_vowel(s.at[i]);
        consonants = vowel ? 0 : consonants + 1;
        vowels += vowel;
        if (consonants > 4) return false;
    }
    return vowels > 0 && begins_well(s) && ends_well(s);
}

/* ---- does the text shout? */

static bool is_capitals(const ft_token *t) {
    size_t upper = 0;
    for (size_t i = 0; t && i < t->text.len && i < 32; i++) {
        if (ft_is_lower(t->text.at[i])) return false;
        upper += ft_is_upper(t->text.at[i]);
    }
    return upper > 1;
}

/* Of the six tokens around more than half are in capitals, too, and no short words. */
static bool is_shouting(const ft_saying *s) {
    int capitals = 0, others = 0;
    for (int i = -3; i <= 3; i++) {
        const ft_token *t = i ? ft_saying_token(s, i) : NULL;
        if (!t || t->text.len == 0) continue;
        bool letters = ft_is_upper(t->text.at[0]) || ft_is_lower(t->text.at[0]);
        if (!letters || (t->text.len == 1)) continue;
        is_capitals(t) ? capitals++ : others++;
    }
    return capitals >= 2 && capitals > 2 * others;
}

static bool by_letter(const ft_saying *s, ft_str word) {
    if (ft_word_in_exact(word, words) && !ft_word_in_exact(word, not_words)) return false;
    if (is_shouting(s)) {
        bool known = ft_word_in_exact(word, by_letters) && !ft_is_function_word(s, word);
        return known || (!is_pronounceable(word) && word.len < 6);
    }
    if (ft_word_in_exact(word, by_letters)) return true;
    if (ft_word_in_exact(word, shouted)) return false;
    if (word.len <= 3) return true;
    return word.len <= 6 ? !is_pronounceable(word) : !is_pronounceable(word) && word.len < 10;
}

/* ---- saying */

/* The last letter's name with an s: "CEOs", "FBI's". */
void ft_say_letters_end(ft_saying *s, char letter) {
    static const char *const english[26] = {
        "ˈeɪz",   "ˈbiz",  "ˈsiz", "ˈdiz", "ˈiz",       "ˈɛfs",   "ˈdʒiz", "ˈeɪtʃɪz", "ˈaɪz",
        "ˈdʒeɪz", "ˈkeɪz", "ˈɛlz", "ˈɛmz", "ˈɛnz",      "ˈoʊz",   "ˈpiz",  "ˈkjuz",   "ˈɑɹz",
        "ˈɛsɪz",  "ˈtiz",  "ˈjuz", "ˈviz", "ˈdʌbəljuz", "ˈɛksɪz", "ˈwaɪz", "ˈziz"
    };
    char word[4] = { (char)(letter | 32), '\'', 's', 0 };

    if (ft_is_english(s))
        ft_say_sounds(s, ft_str_of(word), english[(letter | 32) - 'a']);
    else
        ft_say_letter(s, letter);
}

static void say_lower(ft_saying *s, ft_str word, ft_str tail) {
    ft_say_str(s, word);
    for (size_t i = s->words.len - word.len; word.len && s->words.at && i < s->words.len; i++)
        if (ft_is_upper(s->words.at[i])) s->words.at[i] = (char)(s->words.at[i] | 32);
    ft_buf_add(&s->words, tail);
}

static bool say_capitals(ft_saying *s, ft_str text) {
    size_t n = 0;
    while (n < text.len && ft_is_upper(text.at[n])) n++;
    ft_str word = ft_str_slice(text, 0, n), tail = ft_str_from(text, n);
    static const char *const tails[] = { "", "s", "'s", "’s", NULL };
    if (n < 2 || !ft_word_in_exact(tail, tails)) return false;
    if (n > 12 || !by_letter(s, word)) {
        if (tail.len == 1 && n == 2 && !ft_word_in_exact(word, by_letters)) return false;
        say_lower(s, word, tail.len > 1 ? FT_STR("'s") : tail);
        return true;
    }
    for (size_t i = 0; i + 1 < n; i++) ft_say_letter(s, word.at[i]);
    if (tail.len)
        ft_say_letters_end(s, word.at[n - 1]);
    else
        ft_say_letter(s, word.at[n - 1]);
    return true;
}

/* "A" that is no article, and letters that stand alone. */
static bool say_single(ft_saying *s, const ft_token *t) {
    static const char *const before_letter[] = {
        "vitamin", "plan",     "grade",   "hepatitis", "type",   "group",    "option",    "section",
        "part",    "appendix", "exhibit", "team",      "block",  "class",    "level",     "row",
        "point",   "side",     "room",    "building",  "gate",   "terminal", "apartment", "unit",
        "suite",   "schedule", "title",   "an",        "letter", "series",   "model",     "pier",
        "ward",    "zone",     "column",  "influenza", "the",    "apt",      NULL
    };
    char c = t->text.at[0];
    if (!ft_is_upper(c) && !ft_is_lower(c)) return false;
    ft_str before = ft_text_at(s, -1), next = ft_text_at(s, 1);
    bool inches = before.len > 1 && strchr("\"'", before.at[before.len - 1]) &&
                  ft_is_digit(before.at[0]); /* 24" x 36" */
    bool figure =
        inches || (before.len && (ft_is_digit(before.at[before.len - 1]) || ft_unit_find(before)));
    bool sized = figure && next.len && ft_is_digit(next.at[0]);
    if ((c | 32) == 'x' && sized) return false; /* 3 x 4 */
    static const char *const degrees[] = { "degrees", "degree", "deg", "grados", "grado", NULL };
    if ((c == 'F' || c == 'C') && ft_word_in(before, degrees)) {
        ft_say(s, c == 'F' ? "fahrenheit" : "celsius");
        return true;
    }
    if (!ft_is_english(s)) {
        /* a, e, o, u and y are words of their own */
        if (strchr("aeouyAEOUY", c) &&
            !(ft_is_upper(c) && s->at > 0 && ft_joined(s, -1) && c != 'A'))
            return false;
        ft_say_letter(s, c);
        return true;
    }
    if (c == 'a' || c == 'I' || c == 'i' || c == 'A') {
        bool named = s->at > 0 && ft_word_in(ft_text_at(s, -1), before_letter) && ft_joined(s, -1);
        bool last = !ft_saying_token(s, 1) || t->after.len > 0;
        bool alone = c == 'A' && s->at > 0 && last;
        if (!(named && ft_is_upper(c)) && !alone) return false;
    }
    ft_say_letter(s, c);
    return true;
}

/* "iPhone", "YouTube", "McDonald": cut before a capital behind a small letter, but not behind Mc.
 */
static bool say_camel(ft_saying *s, ft_str text) {
    size_t from = 0, cuts = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!ft_is_letter(text.at[i])) return false;
    for (size_t i = 1; i < text.len && cuts < 2; i++)
        cuts += ft_is_upper(text.at[i]) &&
                (ft_is_lower(text.at[i - 1]) ||
                 (i + 2 < text.len && ft_is_upper(text.at[i - 1]) && ft_is_lower(text.at[i + 1])));
    bool mac = ft_str_starts(text, FT_STR("Mc")) || ft_str_starts(text, FT_STR("Mac"));
    if (!cuts || (mac && cuts == 1) || s->depth > 2) return false;
    for (size_t i = 1; i <= text.len; i++) {
        bool small_then_big =
            i < text.len && ft_is_upper(text.at[i]) && ft_is_lower(text.at[i - 1]);
        bool last_of_capitals = i + 1 < text.len && ft_is_upper(text.at[i]) &&
                                ft_is_upper(text.at[i - 1]) && ft_is_lower(text.at[i + 1]);
        if (i < text.len && !small_then_big && !last_of_capitals) continue;
        ft_say_part(s, ft_str_slice(text, from, i - from));
        from = i;
    }
    return true;
}

/* "btw", "brb", "omg": small letters that are no word. What has no vowel is said by letters, but
 * for sounds that people write; others stand in a list. */
static bool say_chat(ft_saying *s, ft_str text) {
    static const char *const chat[] = { "lol",  "idk", "omg",  "imo", "imho", "irl", "fyi",
                                        "asap", "afk", "iirc", "eta", "faq",  "aka", NULL };
    static const char *const sounds[] = { "hmm",   "mm",   "mmm", "hm",    "shh",  "sh",
                                          "psst",  "pst",  "tsk", "brr",   "brrr", "grr",
                                          "zzz",   "pfft", "nth", "sync",  "grrr", "zz",
                                          "pffft", "tch",  "cwm", "crwth", NULL };
    if (text.len < 2 || text.len > 5) return false;
    bool vowel = false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ft_is_lower(text.at[i])) return false;
        vowel |= strchr(i + 1 == text.len && text.len < 4 ? "aeiouy" : "aeiou", text.at[i]) != NULL;
    }
    bool y = memchr(text.at, 'y', text.len) != NULL; /* "gym", "myth", but "ttyl" */
    bool letters = ft_word_in_exact(text, chat) ||
                   (!vowel && !(y && text.len != 4) && !ft_word_in_exact(text, sounds));
    if (y && text.len == 4 && !ft_str_is(text, "ttyl")) letters = false;
    if (letters) ft_say_letters(s, text);
    return letters;
}

/* "NaCl", "KOH": symbols of elements, each of up to two letters. */
static bool say_formula(ft_saying *s, ft_str text) {
    size_t symbols = 0, pairs = 0;
    if (text.len < 3 || text.len > 5 || !ft_all_letters(text) || ft_str_is(text, "LaTeX"))
        return false;
    for (size_t i = 0; i < text.len; symbols++) {
        if (!ft_is_upper(text.at[i])) return false;
        bool two = i + 1 < text.len && ft_is_lower(text.at[i + 1]);
        pairs += two;
        i += 1 + two;
    }
    if (symbols < 2 || !pairs || ft_is_lower(text.at[text.len - 1]) == (symbols > pairs + 1))
        return false;
    static const char *const heads[] = { "Na", "Cl", "Ca", "Mg", "Fe", "Cu", "Zn", "Ag", "Li", "Br",
                                         "Al", "Si", "HC", "HB", "KC", "KB", "Mn", "Ni", NULL };
    if (!ft_head_of(text, heads)) return false;
    ft_say_letters(s, text);
    return true;
}

static bool say_acronym(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    if (t->text.len == 1) return say_single(s, t);
    if (t->text.len < 2 || t->text.len > 64) return false;
    return say_capitals(s, t->text) || say_formula(s, t->text) || say_camel(s, t->text) ||
           say_chat(s, t->text);
}

const ft_word_class ft_class_acronym = { "acronym", say_acronym };
