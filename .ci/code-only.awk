# Blanks comments and the insides of string and character literals of a C file, so that a check can
# look for words in code only. Lines stay lines; an #include keeps the name it includes.
{
    out = ""
    length_max = length($0)
    quote = ""
    for (i = 1; i <= length_max; i++) {
        c = substr($0, i, 1)
        pair = substr($0, i, 2)
        if (in_comment) {
            if (pair == "*/") { in_comment = 0; i++; out = out " " }
        } else if (quote != "") {
            if (c == "\\") i++
            else if (c == quote) { quote = ""; out = out c }
        } else if (pair == "/*") {
            in_comment = 1
            i++
        } else if (pair == "//") {
            break
        } else {
            out = out c
            if ((c == "\"" || c == "'") && out !~ /^[ \t]*#[ \t]*include/) quote = c
        }
    }
    print out
}
