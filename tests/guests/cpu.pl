use strict; my %h; my $s = 0;
for my $i (1 .. 50000) { $h{($i * 7919) % 1013} += $i; $s = ($s * 31 + $i) % 1000003 }
print join(",", map { "$_=$h{$_}" } (sort { $a <=> $b } keys %h)[0 .. 4]), " $s\n";
my $t = join " ", map { sprintf "%04x", $_ * $_ } 1 .. 3000; my $n = () = $t =~ /\b(\w)\w*\1\b/g; print "$n\n";
(my $u = $t) =~ tr/a-f/A-F/; print substr($u, 100, 40), "\n"; print join("", reverse split //, "perl"), "\n";
printf "%.10g %.15g %e\n", atan2(1, 1) * 4, exp(1), 1e-310; my @a = sort { $b <=> $a } map { ($_ * 37) % 101 } 1 .. 100; print "@a[0..9]\n";
sub f { my $n = shift; $n < 2 ? $n : f($n - 1) + f($n - 2) } print f(17), "\n"; print unpack("H*", pack("nNvVd>", 1, 2, 3, 4, 1.5)), "\n";
my $r = eval { die { code => 7 } }; print $@->{code}, "\n"; open my $p, "-|", "seq 3" or die; print while <$p>; close $p;
local $_ = "x=1;y=22"; my %k = /(\w)=(\d+)/g; print join(",", map { "$_$k{$_}" } sort keys %k), "\n"; print sprintf("%vd", "1.22.333"), "\n";
