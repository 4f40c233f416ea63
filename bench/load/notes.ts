/** What the page says beside its tables: how to read them, and why a figure is not reached. */

export const NOTES = {
  method: `All servers have the same list, the same upstream, one thread, caches that hold every name asked, and
neither logs nor DNSSEC validation. Server and load are pinned to a core each. All run at once; they are
measured one after the other, round by round in alternating order, so that all see the same neighbours. The
load asks a thousand names for 85 % of its queries, ten thousand for 95 %. Answers are checked.

CPU time is that of all threads of the server, user and system, over the queries it answered. The part of
the kernel in it is most of it: so the echo, a C program that hands each packet back with the same two system
calls, in batches as ours, is the floor. Its answers are as long as ours are on average.`,
  figures: `Not reached, and why.

- **0.75 of the best peer.** dnsdist is measured as its best, with 64 packets a call, which it does not do unless told
  to; it too is mostly the kernel then. What is left to save is smaller than a quarter.
- **1.4 of the echo, flood.** With nothing to wait for, the echo costs about 2 µs; the microsecond and a bit that parsing,
  policy, list and cache take are more than four tenths of that. Under dnsperf the same microsecond is less than that.
- **Octets a subscriber address.** The whole process is measured here, the store's page cache included; the table alone has
  31.7 octets an address, which a test holds.
- **Changes.** Main and background threads give way to the worker (ADR 0014); with two cores the other one is the
  load's, so what its queries wait there counts too. The load drops what it is late with (\`not sent\`).
- **A killed worker.** Here both share the core with each other and with the start of the successor, which takes a third
  of a second of it; the cache of that one is cold then.`,
  mixes: `As much load as is answered, 128 queries in flight on 8 sockets. The faster servers are not busy all the
time here: dnsperf needs more CPU time a query than they do, and their batches are shorter for it. Queries a
second say more about dnsperf than about them.`,
  flood: `The same with 192 queries in flight from \`bench/load/c/many-sources.c\`, which sends and takes up to 64
packets a system call and so needs less CPU time than any server: here every server is busy all the time.`,
  ratios: `Ratios are taken round by round, then the median. The last line offers every server the same rate, far
below its peak: then nearly every query wakes the process up, which costs more than all the rest.`,
  servers: `Latency at half of what each server answered under dnsperf, in the mix \`mixed\`, from an open loop: a query that
had to wait counts from the time it was due. Memory after all runs. The start is from exec to the first
right answer for a blocked name: from the text of the list, but for ours, which starts from its image on the disk.
An update is the list with one name more, read again by the running server at the same load, until that name is
blocked: unbound-local by SIGHUP, unbound-rpz by \`auth_zone_reload\`, dnsdist, pdns-recursor and knot-resolver by their
consoles, bind by SIGHUP; dnsmasq must be started again. Ours is read on a thread that gives way to queries. The
updates of this page are of a run of their own, that of pdns-recursor of another.`,
  growth: `Mix \`mixed\`, ten thousand names asked at every size. Subscribers have one address each, and the load
comes from as many addresses as the most of them at every size, so that the kernel has the same to do. Of a million
subscribers the households have a name of their own each, one in five of them a schedule. Workers share the cores with the load,
so their queries a second mean nothing here.
\`compile\` is the time to read, parse and compile the list, on the core that also serves.`,
  disturbance: `From \`npm run bench:load -- disturbance\`: the load comes from the address of every subscriber, in
an open loop, and does not stop for the change.`,
  overload: `From \`npm run bench:load -- overload\`.`,
} as const;
