BEGIN {
    for (i = 2; i < 20000; i++) if (!c[i]) { n++; for (j = i * 2; j < 20000; j += i) c[j] = 1 }
    print n
    for (i = 1; i <= 5000; i++) s += sin(i) * exp(-i / 1000) + sqrt(i) + log(i)
    printf "%.9f\n", s
    for (i = 0; i < 3000; i++) t = t substr("abcdefghij", i % 10 + 1, 1)
    print length(t), gsub(/cd/, "<&>", t), toupper(substr(t, 1, 20))
    "echo from command" | getline x; print x
    print "b\na" | "sort"; close("sort")
    print strftime("%F", 86400 * 365, 1), and(12, 10), lshift(1, 40), int(2 ^ 53) + 1
}
