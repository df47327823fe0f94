/* sign.c -- signs by name ("&", "+", "°"), and the class "emoji": pictures by their short names.
 *
 * An emoji of the table is said by its short name of Unicode's CLDR (annotations 42, English and
 * Spanish); others, skin tones and joiners are not said: a picture that nobody can name is no loss
 * of the text's words. */
#include "speech/say/say_in.h"

typedef struct sign_row {
    const char *sign;
    const char *name[FT_TONGUES];
} sign_row;

static const sign_row signs[] = {
    { "&", { "and", "y" } },
    { "@", { "at", "arroba" } },
    { "#", { "hash", "numeral" } },
    { "%", { "percent", "por ciento" } },
    { "+", { "plus", "más" } },
    { "-", { "dash", "guion" } },
    { "−", { "minus", "menos" } },
    { "=", { "equals", "igual a" } },
    { "/", { "slash", "barra" } },
    { "\\", { "backslash", "barra invertida" } },
    { "*", { "asterisk", "asterisco" } },
    { "<", { "less than", "menor que" } },
    { ">", { "greater than", "mayor que" } },
    { "$", { "dollar", "dólar" } },
    { "€", { "euro", "euro" } },
    { "£", { "pound", "libra" } },
    { "¥", { "yen", "yen" } },
    { "¢", { "cent", "centavo" } },
    { "₹", { "rupee", "rupia" } },
    { "₩", { "won", "won" } },
    { "₽", { "ruble", "rublo" } },
    { "₿", { "bitcoin", "bitcoin" } },
    { ".", { "dot", "punto" } },
    { ",", { "comma", "coma" } },
    { ":", { "colon", "dos puntos" } },
    { ";", { "semicolon", "punto y coma" } },
    { "!", { "exclamation mark", "signo de exclamación" } },
    { "?", { "question mark", "signo de interrogación" } },
    { "_", { "underscore", "guion bajo" } },
    { "~", { "tilde", "tilde" } },
    { "^", { "caret", "circunflejo" } },
    { "|", { "vertical bar", "barra vertical" } },
    { "'", { "apostrophe", "apóstrofo" } },
    { "\"", { "quote", "comillas" } },
    { "(", { "open parenthesis", "abre paréntesis" } },
    { ")", { "close parenthesis", "cierra paréntesis" } },
    { "[", { "open bracket", "abre corchete" } },
    { "]", { "close bracket", "cierra corchete" } },
    { "{", { "open brace", "abre llave" } },
    { "}", { "close brace", "cierra llave" } },
    { "`", { "backtick", "acento grave" } },
    { "°", { "degrees", "grados" } },
    { "º", { "degrees", "grados" } },
    { "×", { "times", "por" } },
    { "÷", { "divided by", "dividido entre" } },
    { "±", { "plus or minus", "más o menos" } },
    { "≈", { "approximately", "aproximadamente" } },
    { "!=", { "not equal to", "distinto de" } },
    { "<>", { "not equal to", "distinto de" } },
    { "<=", { "less than or equal to", "menor o igual que" } },
    { ">=", { "greater than or equal to", "mayor o igual que" } },
    { "==", { "equals", "igual a" } },
    { "->", { "to", "a" } },
    { "≤", { "less than or equal to", "menor o igual que" } },
    { "≥", { "greater than or equal to", "mayor o igual que" } },
    { "≠", { "not equal to", "distinto de" } },
    { "√", { "square root of", "raíz cuadrada de" } },
    { "∞", { "infinity", "infinito" } },
    { "§", { "section", "sección" } },
    { "©", { "copyright", "copyright" } },
    { "→", { "to", "a" } },
    { "‰", { "per mille", "por mil" } },
    { "²", { "squared", "al cuadrado" } },
    { "³", { "cubed", "al cubo" } },
    { "₀", { "zero", "cero" } },
    { "₁", { "one", "uno" } },
    { "₂", { "two", "dos" } },
    { "₃", { "three", "tres" } },
    { "₄", { "four", "cuatro" } },
    { "₅", { "five", "cinco" } },
    { "₆", { "six", "seis" } },
    { "₇", { "seven", "siete" } },
    { "₈", { "eight", "ocho" } },
    { "₉", { "nine", "nueve" } },
    { "⁰", { "to the power of zero", "elevado a cero" } },
    { "⁴", { "to the power of four", "elevado a cuatro" } },
    { "⁵", { "to the power of five", "elevado a cinco" } },
    { "⁶", { "to the power of six", "elevado a seis" } },
    { "⁷", { "to the power of seven", "elevado a siete" } },
    { "⁸", { "to the power of eight", "elevado a ocho" } },
    { "⁹", { "to the power of nine", "elevado a nueve" } },
    { "¶", { "paragraph", "párrafo" } },
    { "µ", { "micro", "micro" } },
    { "π", { "pi", "pi" } },
    { "α", { "alpha", "alfa" } },
    { "β", { "beta", "beta" } },
    { "γ", { "gamma", "gamma" } },
    { "δ", { "delta", "delta" } },
    { "Δ", { "delta", "delta" } },
    { "λ", { "lambda", "lambda" } },
    { "μ", { "mu", "mu" } },
    { "σ", { "sigma", "sigma" } },
    { "Ω", { "omega", "omega" } },
    { NULL, { NULL, NULL } },
};

static const sign_row pictures[] = {
    { "😀", { "grinning face", "cara sonriendo" } },
    { "😃", { "grinning face with big eyes", "cara sonriendo con ojos grandes" } },
    { "😄", { "grinning face with smiling eyes", "cara sonriendo con ojos sonrientes" } },
    { "😁", { "beaming face", "cara radiante" } },
    { "😂", { "face with tears of joy", "cara llorando de risa" } },
    { "🤣", { "rolling on the floor laughing", "cara revolviéndose de la risa" } },
    { "😊", { "smiling face with smiling eyes", "cara feliz con ojos sonrientes" } },
    { "🙂", { "slightly smiling face", "cara sonriendo ligeramente" } },
    { "😉", { "winking face", "cara guiñando el ojo" } },
    { "😍", { "smiling face with heart eyes", "cara sonriendo con ojos de corazón" } },
    { "😘", { "face blowing a kiss", "cara lanzando un beso" } },
    { "😎", { "smiling face with sunglasses", "cara sonriendo con gafas de sol" } },
    { "🤔", { "thinking face", "cara pensativa" } },
    { "😢", { "crying face", "cara llorando" } },
    { "😭", { "loudly crying face", "cara llorando fuerte" } },
    { "😡", { "enraged face", "cara cabreada" } },
    { "😱", { "face screaming in fear", "cara gritando de miedo" } },
    { "😴", { "sleeping face", "cara durmiendo" } },
    { "👍", { "thumbs up", "pulgar hacia arriba" } },
    { "👎", { "thumbs down", "pulgar hacia abajo" } },
    { "👏", { "clapping hands", "manos aplaudiendo" } },
    { "🙏", { "folded hands", "manos en oración" } },
    { "👋", { "waving hand", "mano saludando" } },
    { "💪", { "flexed biceps", "bíceps flexionado" } },
    { "👀", { "eyes", "ojos" } },
    { "❤", { "red heart", "corazón rojo" } },
    { "💔", { "broken heart", "corazón roto" } },
    { "💙", { "blue heart", "corazón azul" } },
    { "💚", { "green heart", "corazón verde" } },
    { "🔥", { "fire", "fuego" } },
    { "⭐", { "star", "estrella" } },
    { "✨", { "sparkles", "chispas" } },
    { "🎉", { "party popper", "cañón de confeti" } },
    { "🎂", { "birthday cake", "tarta de cumpleaños" } },
    { "🎁", { "wrapped gift", "regalo" } },
    { "🏆", { "trophy", "trofeo" } },
    { "⚽", { "soccer ball", "balón de fútbol" } },
    { "🚗", { "automobile", "coche" } },
    { "🚀", { "rocket", "cohete" } },
    { "✅", { "check mark", "marca de verificación" } },
    { "✔", { "check mark", "marca de verificación" } },
    { "❌", { "cross mark", "marca de cruz" } },
    { "⚠", { "warning", "advertencia" } },
    { "📞", { "telephone receiver", "auricular de teléfono" } },
    { "📧", { "e mail", "correo electrónico" } },
    { "☀", { "sun", "sol" } },
    { "🌧", { "cloud with rain", "nube con lluvia" } },
    { "❄", { "snowflake", "copo de nieve" } },
    { "🐶", { "dog face", "cara de perro" } },
    { "🐱", { "cat face", "cara de gato" } },
    { "☕", { "hot beverage", "bebida caliente" } },
    { "🍕", { "pizza", "pizza" } },
    { "💯", { "hundred points", "cien puntos" } },
    { NULL, { NULL, NULL } },
};

static const char *name_of(const sign_row *rows, ft_str sign, int tongue) {
    for (; rows->sign; rows++)
        if (ft_str_is(sign, rows->sign)) return rows->name[tongue];
    return NULL;
}

bool ft_say_sign(ft_saying *s, ft_str sign) {
    const char *name = name_of(signs, sign, s->language->tongue);
    if (!name) name = name_of(pictures, sign, s->language->tongue);
    if (name) ft_say(s, name);
    return name != NULL;
}

/* Pictures: U+2190 … U+2BFF, U+FE0F, U+1F000 …, the zero-width joiner and keycaps. */
static bool is_picture(ft_str c) {
    const unsigned char *b = (const unsigned char *)c.at;
    if (c.len == 4) return b[0] == 0xf0 && b[1] == 0x9f;
    if (c.len != 3) return false;
    if (b[0] == 0xe2) return b[1] >= 0x98 && b[1] <= 0xaf;
    return b[0] == 0xef && b[1] == 0xb8 && b[2] == 0x8f;
}

static bool is_joiner(ft_str c) {
    return ft_str_is(c, "\xe2\x80\x8d") || ft_str_is(c, "\xe2\x83\xa3");
}

/* Nothing but pictures: each that has a name is said. */
static bool say_emoji(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    if (text.len == 0 || (unsigned char)text.at[0] < 0xe2) return false;
    for (ft_str rest = text; rest.len;) {
        ft_str c = ft_str_slice(rest, 0, ft_utf8_len(rest));
        if (!is_picture(c) && !is_joiner(c)) return false;
        rest = ft_str_from(rest, c.len);
    }
    while (text.len) {
        ft_str c = ft_str_slice(text, 0, ft_utf8_len(text));
        const char *name = name_of(pictures, c, s->language->tongue);
        if (name) ft_say(s, name);
        text = ft_str_from(text, c.len);
    }
    return true;
}

const ft_word_class ft_class_emoji = { "emoji", say_emoji };
