#!/usr/bin/perl
# history.pl KIND | git fast-import: histories to push, the same on every machine.
#   medium  5,000 files of text, 2,000 commits that change six each
#   large   30 files of 10 MB that do not compress, one commit
#   huge    90 of them
#   small   800 sources of 5 to 60 kB, 8,000 commits of a few lines each: deltas and little else
use strict;
use warnings;

use Digest::SHA qw(sha512);

my $state = 42;
sub random {    # below $_[0]
  use integer;    # wraps at 64 bits
  $state = $state * 6364136223846793005 + 1442695040888963407;
  return (($state >> 33) & 0x7fffffff) % $_[0];
}

my @words = map { join '', map { chr(97 + random(26)) } 1 .. 2 + random(9) } 1 .. 2000;
sub line { return join(' ', map { $words[random(2000)] } 1 .. 4 + random(8)) . "\n" }

my $time = 1700000000;
sub commit {
  my ($files) = @_;
  print "commit refs/heads/main\ncommitter A <a\@example.com> ", $time += 60, " +0000\ndata 5\nwork\n\n";
  for my $path (sort keys %$files) {
    print "M 100644 inline $path\ndata ", length($files->{$path}), "\n", $files->{$path}, "\n";
  }
}

sub edited {
  my ($lines, $edits) = @_;
  $lines->[random(scalar @$lines)] = line() for 1 .. $edits;
  return join '', @$lines;
}

sub texts {
  my ($count, $shortest, $spread, $commits, $changed) = @_;
  my @files = map { [map { line() } 1 .. $shortest + random($spread)] } 1 .. $count;
  my @paths = map { sprintf 'd%02d/file%04d.txt', $_ % 50, $_ } 0 .. $count - 1;
  commit({map { $paths[$_] => join '', @{$files[$_]} } 0 .. $count - 1});
  for (1 .. $commits) {
    my %changes = map { my $n = random($count); $paths[$n] => edited($files[$n], 1 + random(4)) } 1 .. $changed;
    commit(\%changes);
  }
}

my $kind = shift // '';
binmode STDOUT;
if ($kind eq 'medium') {
  texts(5000, 60, 120, 2000, 6);
} elsif ($kind eq 'small') {
  texts(800, 100, 1000, 8000, 2);
} elsif ($kind eq 'large' || $kind eq 'huge') {
  my $count = $kind eq 'huge' ? 90 : 30;
  commit({map { my $n = $_; ("file$n.bin" => join '', map { sha512("$n $_") } 1 .. 156_250) } 1 .. $count});
} else {
  die "usage: history.pl medium|large|huge|small\n";
}
