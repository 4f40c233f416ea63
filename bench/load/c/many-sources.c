/*
 * A load of DNS queries over UDP that comes from many addresses of 127.0.0.0/8, as that of an operator's
 * subscribers does. For 64-bit Linux; `cc -O2 many-sources.c`.
 *
 *     many-sources --port PORT --queries FILE (--rate N | --window N | --once) [options]
 *
 *     --port PORT        of the server; its address is 127.0.0.1, or --server ADDRESS
 *     --queries FILE     one `name TYPE` a line, as dnsperf reads it; gone through again and again
 *     --rate N           open loop: N queries a second, each at its planned time, answered or not
 *     --window N         closed loop: N queries in flight; each answer lets the next query out
 *     --once             through the file and no further, 64 in flight: fills a cache
 *     --seconds N        how long to send (default 5, fractions allowed); SIGTERM ends it before
 *     --sources N        source addresses, from 127.1.0.0 upwards, drawn at random (default 1)
 *     --interval MS      also prints one line for each interval
 *
 * A query without an answer after a second is lost. An answer counts if its ID belongs to a query in
 * flight, its question is that query's, octet for octet, and it arrives at the address that asked.
 *
 * In the open loop latency counts from the time at which the query was planned to leave, so a server
 * that stands still is charged for every query it kept waiting (no "coordinated omission"). Where
 * this program itself was late, `lateus` says by how much at most: a latency below that may be the
 * fault of the load and not of the server. What it is more than 5 ms late with is skipped: sent in
 * one burst, it would drown the server in what was planned as a steady stream.
 *
 * Output, one JSON object a line; times in microseconds, percentiles to 3 %:
 *
 *     {"startMs":…}
 *         at once, when the first query leaves
 *     {"startMs":…,"sent":…,"answered":…,"lost":…,"p99us":…,"maxus":…,"lateus":…,"buckets":[[us,count],…]}
 *         for each interval, by the planned time of the query; startMs is the Unix time. Buckets of
 *         several intervals can be added up, percentiles cannot
 *     {"sent":…,"answered":…,"lost":…,"rcodes":{"0":…},"unmatched":…,"dropped":…,"skipped":…,
 *      "seconds":…,"p50us":…,"p99us":…,"p999us":…,"maxus":…,"lateus":…}
 *         last; unmatched = answers to nothing in flight (late, doubled, wrong), dropped = answers
 *         that this program's own sockets had no room for: they are counted as lost, too
 *
 * Each socket is bound to the wildcard address and sets the source of each query by IP_PKTINFO, so
 * a few descriptors serve any number of addresses, and answers to all of them come back.
 *
 *     query number   0 … 63 │ 64 … 127 │ …     blocks of 64 take turns on the sockets
 *     socket             0  │     1    │ …     ID = 64 × (turn of the socket) + place in the block
 *
 * So a query's place in the ring of queries in flight follows from socket and ID. The ring holds more
 * than a rate can have in flight before the oldest is lost, and is swept from its oldest end.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 64,
    IDS = 65536,
    SOCKETS_MIN = 8,
    SOCKETS_MAX = 64,
    QUERY_BYTES = 12 + 255 + 4 + 11,
    ANSWER_BYTES = 4096,
    CONTROL_BYTES = CMSG_SPACE(sizeof(struct in_pktinfo)),
    SOCKET_BUFFER_BYTES = 4 << 20,
    ONCE_WINDOW = 64,
    /* Longest sleep: the ring is swept for lost queries at least so often. */
    SLEEP_NS_MAX = 10 * 1000 * 1000,
};
static const int64_t SECOND_NS = 1000 * 1000 * 1000;
static const int64_t LOST_AFTER_NS = SECOND_NS;
static const int64_t SKIP_AFTER_NS = 5 * 1000 * 1000;
static const uint32_t FIRST_SOURCE = 127u << 24 | 1u << 16;

/* ---- options ------------------------------------------------------------------------------------- */

static const char *server_address = "127.0.0.1";
static const char *queries_path;
static int server_port;
static double rate;
static long window;
static int is_once;
static double seconds = 5;
static uint32_t source_count = 1;
static long interval_ms;

static void fail(const char *what) {
    fprintf(stderr, "many-sources: %s\n", what);
    exit(1);
}

static void fail_errno(const char *what) {
    fprintf(stderr, "many-sources: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_options(int argc, char **argv) {
    static const struct option options[] = {
        {"server", required_argument, 0, 's'},   {"port", required_argument, 0, 'p'},
        {"queries", required_argument, 0, 'q'},  {"rate", required_argument, 0, 'r'},
        {"window", required_argument, 0, 'w'},   {"once", no_argument, 0, 'o'},
        {"seconds", required_argument, 0, 'l'},  {"sources", required_argument, 0, 'a'},
        {"interval", required_argument, 0, 'i'}, {0, 0, 0, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's': server_address = optarg; break;
        case 'p': server_port = atoi(optarg); break;
        case 'q': queries_path = optarg; break;
        case 'r': rate = atof(optarg); break;
        case 'w': window = atol(optarg); break;
        case 'o': is_once = 1; window = ONCE_WINDOW; break;
        case 'l': seconds = atof(optarg); break;
        case 'a': source_count = (uint32_t)atol(optarg); break;
        case 'i': interval_ms = atol(optarg); break;
        default: exit(2);
        }
    }
    if (queries_path == NULL || server_port <= 0) fail("--port and --queries are needed");
    if ((rate > 0) == (window > 0)) fail("one of --rate, --window and --once is needed");
    if (seconds <= 0) fail("--seconds must be more than 0");
    if (source_count < 1 || source_count > 10 * 1000 * 1000) fail("--sources: 1 to 10000000");
}

/* ---- queries of the file, as packets with ID 0 ------------------------------------------------------ */

struct query {
    uint16_t length;
    uint16_t question_length;
    uint8_t bytes[QUERY_BYTES];
};

static struct query *queries;
static size_t query_count;

static int type_number(const char *name) {
    static const struct { const char *name; int number; } types[] = {
        {"A", 1},     {"NS", 2},    {"CNAME", 5}, {"SOA", 6},    {"PTR", 12},   {"MX", 15}, {"TXT", 16},
        {"AAAA", 28}, {"SRV", 33},  {"DS", 43},   {"SVCB", 64},  {"HTTPS", 65}, {"ANY", 255},
    };
    for (size_t index = 0; index < sizeof types / sizeof *types; index++)
        if (strcasecmp(name, types[index].name) == 0) return types[index].number;
    return strncasecmp(name, "TYPE", 4) == 0 ? atoi(name + 4) : 0;
}

/* Presentation format without escapes; returns the octets written, 0 where the text is no name. */
static size_t write_name(const char *text, uint8_t *out) {
    size_t length = 0;
    while (*text != '\0' && strcmp(text, ".") != 0) {
        size_t label = strcspn(text, ".");
        if (label == 0 || label > 63 || length + label + 2 > 255) return 0;
        out[length++] = (uint8_t)label;
        memcpy(out + length, text, label);
        length += label;
        text += label;
        if (*text == '.') text++;
    }
    out[length++] = 0;
    return length;
}

/* RD is set; the OPT offers 1,232 octets, as stub resolvers do. */
static void build_query(struct query *query, const char *name, int type) {
    static const uint8_t header[12] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    static const uint8_t opt[11] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
    memcpy(query->bytes, header, sizeof header);
    size_t name_length = write_name(name, query->bytes + 12);
    if (name_length == 0 || type == 0) {
        fprintf(stderr, "many-sources: \"%s\" is no query\n", name);
        exit(1);
    }
    uint8_t *at = query->bytes + 12 + name_length;
    const uint8_t tail[4] = {(uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    memcpy(at, tail, sizeof tail);
    memcpy(at + sizeof tail, opt, sizeof opt);
    query->question_length = (uint16_t)(name_length + 4);
    query->length = (uint16_t)(12 + name_length + 4 + sizeof opt);
}

static void read_queries(void) {
    FILE *file = fopen(queries_path, "r");
    if (file == NULL) fail_errno(queries_path);
    size_t room = 0;
    char line[1200], name[1100], type[32];
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%1099s %31s", name, type) != 2) continue;
        if (query_count == room) {
            room = room == 0 ? 4096 : room * 2;
            queries = realloc(queries, room * sizeof *queries);
            if (queries == NULL) fail("out of memory");
        }
        build_query(&queries[query_count++], name, type_number(type));
    }
    fclose(file);
    if (query_count == 0) fail("the file holds no queries");
}

/* ---- figures ---------------------------------------------------------------------------------------- */

/* Buckets of latency: 32 to each power of two, so a bucket is at most 3 % wide. */
enum { SUB_BITS = 5, SUBS = 1 << SUB_BITS, BUCKETS = 17 * SUBS };

struct figures {
    uint64_t sent, answered, lost;
    uint64_t max_ns, late_ns;
    uint32_t buckets[BUCKETS];
};

static struct figures total;
/* One for each interval, all kept to the end, since a query is counted where it was planned. */
static struct figures *intervals;
static size_t interval_count;
static uint64_t rcodes[16];
static uint64_t unmatched, skipped;

static int bucket_of(uint64_t us) {
    if (us < SUBS) return (int)us;
    int shift = 63 - __builtin_clzll(us) - SUB_BITS;
    int bucket = (shift + 1) * SUBS + (int)((us >> shift) - SUBS);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The greatest latency that falls into the bucket. */
static uint64_t bucket_us(int bucket) {
    if (bucket < SUBS) return (uint64_t)bucket;
    int shift = bucket / SUBS - 1;
    return (((uint64_t)(bucket % SUBS + SUBS) + 1) << shift) - 1;
}

static uint64_t percentile_us(const struct figures *figures, double share) {
    uint64_t wanted = figures->answered - (uint64_t)((double)figures->answered * (1 - share)), seen = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        seen += figures->buckets[bucket];
        if (seen >= wanted && seen > 0) return bucket_us(bucket);
    }
    return 0;
}

static void count_answer(struct figures *figures, uint64_t ns) {
    figures->answered++;
    figures->buckets[bucket_of(ns / 1000)]++;
    if (ns > figures->max_ns) figures->max_ns = ns;
}

static void count_sent(struct figures *figures, int64_t late_ns) {
    figures->sent++;
    if (late_ns > 0 && (uint64_t)late_ns > figures->late_ns) figures->late_ns = (uint64_t)late_ns;
}

/* ---- queries in flight -------------------------------------------------------------------------------- */

struct flight {
    int64_t planned_ns;
    uint32_t query;
    /* In host order; 0 = answered or lost. */
    uint32_t source;
};

static struct flight *ring;
static uint64_t ring_size;
static int socket_count;
static int sockets[SOCKETS_MAX];
/* Number of the next query to send, and of the oldest that may be in flight. */
static uint64_t next_query, oldest_query;
static uint64_t in_flight;
static int64_t start_ns;

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND_NS + time.tv_nsec;
}

static struct figures *interval_at(int64_t planned_ns) {
    if (interval_count == 0) return NULL;
    size_t index = (size_t)((planned_ns - start_ns) / (interval_ms * 1000 * 1000));
    return &intervals[index < interval_count ? index : interval_count - 1];
}

static void open_sockets(void) {
    /* What may be in flight: a second's worth and the time between two sweeps, with room to spare. */
    socket_count = (int)(rate * 1.2 / IDS) + 1;
    if (socket_count < SOCKETS_MIN) socket_count = SOCKETS_MIN;
    if (socket_count > SOCKETS_MAX) fail("--rate is too high");
    ring_size = (uint64_t)socket_count * IDS;
    ring = calloc(ring_size, sizeof *ring);
    if (ring == NULL) fail("out of memory");
    for (int index = 0; index < socket_count; index++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) fail_errno("opening a socket");
        const int on = 1, octets = SOCKET_BUFFER_BYTES;
        const struct sockaddr_in any = {.sin_family = AF_INET};
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
        if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0) fail_errno("IP_PKTINFO");
        if (bind(fd, (const struct sockaddr *)&any, sizeof any) != 0) fail_errno("binding a socket");
        sockets[index] = fd;
    }
}

/* Answers that the kernel dropped because one of our sockets was full. */
static uint64_t own_drops(void) {
    uint64_t drops = 0;
    for (int index = 0; index < socket_count; index++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t length = sizeof memory;
        if (getsockopt(sockets[index], SOL_SOCKET, SO_MEMINFO, memory, &length) == 0)
            drops += memory[SK_MEMINFO_DROPS];
    }
    return drops;
}

/* ---- sending -------------------------------------------------------------------------------------------- */

static uint32_t draw_source(void) {
    /* Xorshift: seeded, so every run asks alike. */
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return FIRST_SOURCE + (uint32_t)((uint64_t)state * source_count >> 32);
}

static int64_t planned_ns(uint64_t number) {
    return start_ns + (int64_t)((double)number * (1e9 / rate));
}

struct send_slot {
    struct iovec part;
    union {
        struct cmsghdr header;
        uint8_t bytes[CONTROL_BYTES];
    } control;
    uint8_t bytes[QUERY_BYTES];
};

static struct mmsghdr send_headers[BATCH];
static struct send_slot send_slots[BATCH];
static struct sockaddr_in server;

static void prepare_sending(void) {
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)server_port);
    if (inet_pton(AF_INET, server_address, &server.sin_addr) != 1) fail("--server: no IPv4 address");
    for (int index = 0; index < BATCH; index++) {
        struct send_slot *slot = &send_slots[index];
        struct msghdr *message = &send_headers[index].msg_hdr;
        slot->part.iov_base = slot->bytes;
        message->msg_name = &server;
        message->msg_namelen = sizeof server;
        message->msg_iov = &slot->part;
        message->msg_iovlen = 1;
        message->msg_control = &slot->control;
        message->msg_controllen = CONTROL_BYTES;
        slot->control.header.cmsg_level = IPPROTO_IP;
        slot->control.header.cmsg_type = IP_PKTINFO;
        slot->control.header.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    }
}

/* Sends up to `count` queries of one block, so of one socket. Returns how many the kernel took. */
static int send_block(uint64_t count) {
    uint64_t place = next_query % BATCH;
    if (count > BATCH - place) count = BATCH - place;
    uint64_t used = next_query - oldest_query;
    if (used >= ring_size) return 0;
    if (count > ring_size - used) count = ring_size - used;
    uint64_t block = next_query % ring_size / BATCH;
    uint16_t first_id = (uint16_t)(block / (uint64_t)socket_count * BATCH + place);
    uint32_t sources[BATCH];
    for (uint64_t index = 0; index < count; index++) {
        const struct query *query = &queries[(next_query + index) % query_count];
        struct send_slot *slot = &send_slots[index];
        sources[index] = draw_source();
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(sources[index])};
        memcpy(CMSG_DATA(&slot->control.header), &info, sizeof info);
        memcpy(slot->bytes, query->bytes, query->length);
        uint16_t id = htons((uint16_t)(first_id + index));
        memcpy(slot->bytes, &id, sizeof id);
        slot->part.iov_len = query->length;
    }
    int taken = sendmmsg(sockets[block % (uint64_t)socket_count], send_headers, (unsigned)count, 0);
    if (taken < 0) {
        if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) return 0;
        fail_errno("sending");
    }
    int64_t now = now_ns();
    for (int index = 0; index < taken; index++, next_query++) {
        int64_t planned = rate > 0 ? planned_ns(next_query) : now;
        ring[next_query % ring_size] = (struct flight){
            .planned_ns = planned,
            .query = (uint32_t)(next_query % query_count),
            .source = sources[index],
        };
        count_sent(&total, now - planned);
        if (interval_count > 0) count_sent(interval_at(planned), now - planned);
    }
    in_flight += (uint64_t)taken;
    return taken;
}

/* ---- receiving ------------------------------------------------------------------------------------------ */

struct receive_slot {
    struct iovec part;
    union {
        struct cmsghdr header;
        uint8_t bytes[CONTROL_BYTES];
    } control;
    uint8_t bytes[ANSWER_BYTES];
};

static struct mmsghdr receive_headers[BATCH];
static struct receive_slot receive_slots[BATCH];

static void prepare_receiving(void) {
    for (int index = 0; index < BATCH; index++) {
        struct receive_slot *slot = &receive_slots[index];
        slot->part = (struct iovec){slot->bytes, ANSWER_BYTES};
        receive_headers[index].msg_hdr.msg_iov = &slot->part;
        receive_headers[index].msg_hdr.msg_iovlen = 1;
        receive_headers[index].msg_hdr.msg_control = &slot->control;
    }
}

/* The address that the answer was sent to, in host order. */
static uint32_t destination_of(struct msghdr *message) {
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    if (control == NULL || control->cmsg_type != IP_PKTINFO) return 0;
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(control), sizeof info);
    return ntohl(info.ipi_addr.s_addr);
}

static void take_answer(int socket_index, struct mmsghdr *header, int64_t now) {
    struct receive_slot *slot = &receive_slots[header - receive_headers];
    const uint8_t *bytes = slot->bytes;
    size_t length = header->msg_len;
    if (length < 12) {
        unmatched++;
        return;
    }
    uint64_t id = (uint64_t)bytes[0] << 8 | bytes[1];
    uint64_t block = id / BATCH * (uint64_t)socket_count + (uint64_t)socket_index;
    struct flight *flight = &ring[block * BATCH + id % BATCH];
    const struct query *query = &queries[flight->query];
    int is_match = flight->source != 0 && destination_of(&header->msg_hdr) == flight->source &&
                   (bytes[2] & 0x80) != 0 && length >= 12u + query->question_length &&
                   memcmp(bytes + 12, query->bytes + 12, query->question_length) == 0;
    if (!is_match) {
        unmatched++;
        return;
    }
    flight->source = 0;
    in_flight--;
    rcodes[bytes[3] & 0xf]++;
    uint64_t ns = now > flight->planned_ns ? (uint64_t)(now - flight->planned_ns) : 0;
    count_answer(&total, ns);
    if (interval_count > 0) count_answer(interval_at(flight->planned_ns), ns);
}

/* Takes what has arrived, one batch a socket. Returns the number of answers. */
static int receive_answers(void) {
    int taken = 0;
    for (int index = 0; index < socket_count; index++) {
        for (int slot = 0; slot < BATCH; slot++)
            receive_headers[slot].msg_hdr.msg_controllen = CONTROL_BYTES;
        int count = recvmmsg(sockets[index], receive_headers, BATCH, MSG_DONTWAIT, NULL);
        if (count < 0) {
            if (errno == EAGAIN || errno == EINTR) continue;
            fail_errno("receiving");
        }
        int64_t now = now_ns();
        for (int slot = 0; slot < count; slot++) take_answer(index, &receive_headers[slot], now);
        taken += count;
    }
    return taken;
}

/* Moves the oldest end of the ring past what is answered or lost. */
static void sweep(int64_t now) {
    for (; oldest_query < next_query; oldest_query++) {
        struct flight *flight = &ring[oldest_query % ring_size];
        if (flight->source == 0) continue;
        if (now - flight->planned_ns < LOST_AFTER_NS) return;
        flight->source = 0;
        in_flight--;
        total.lost++;
        if (interval_count > 0) interval_at(flight->planned_ns)->lost++;
    }
}

/* ---- the run ---------------------------------------------------------------------------------------------- */

/* The number of the first query that is planned for this time or later. */
static uint64_t first_planned_at(int64_t time) {
    return time <= start_ns ? 0 : (uint64_t)((double)(time - start_ns) * rate / 1e9) + 1;
}

/* How many queries should leave now. */
static uint64_t due_count(int64_t now) {
    if (rate > 0) {
        uint64_t first = first_planned_at(now - SKIP_AFTER_NS), after = first_planned_at(now);
        if (next_query < first) {
            skipped += first - next_query;
            next_query = first;
        }
        return after > next_query ? after - next_query : 0;
    }
    uint64_t room = (uint64_t)window - in_flight;
    if (!is_once) return room;
    uint64_t left = query_count - next_query;
    return left < room ? left : room;
}

/* Sleeps until an answer arrives or the next query is due. */
static void wait_for_more(int64_t now, int is_over) {
    struct pollfd descriptors[SOCKETS_MAX];
    for (int index = 0; index < socket_count; index++)
        descriptors[index] = (struct pollfd){.fd = sockets[index], .events = POLLIN};
    int64_t sleep_ns = SLEEP_NS_MAX;
    if (rate > 0 && !is_over && planned_ns(next_query) - now < sleep_ns)
        sleep_ns = planned_ns(next_query) - now;
    if (sleep_ns <= 0) return;
    const struct timespec timeout = {.tv_nsec = sleep_ns};
    ppoll(descriptors, (nfds_t)socket_count, &timeout, NULL);
}

static volatile sig_atomic_t is_told_to_stop;

static void stop_sending(int signal) {
    (void)signal;
    is_told_to_stop = 1;
}

/* Returns the seconds in which queries were sent. What could not leave in time is not sent later. */
static double run(void) {
    int64_t end = start_ns + (int64_t)(seconds * 1e9), now = start_ns;
    for (;;) {
        if (is_told_to_stop && now < end) end = now;
        int is_over = is_once ? next_query == query_count : now >= end;
        if (is_over && in_flight == 0) break;
        uint64_t due = is_over ? 0 : due_count(now);
        int sent = due > 0 ? send_block(due) : 0;
        int received = receive_answers();
        now = now_ns();
        sweep(now);
        if (sent == 0 && received == 0) wait_for_more(now, is_over);
        now = now_ns();
    }
    return (double)((is_once ? now : end) - start_ns) / 1e9;
}

static void print_interval(const struct figures *figures, double start_ms) {
    printf("{\"startMs\":%.3f,\"sent\":%lu,\"answered\":%lu,\"lost\":%lu,\"p99us\":%lu,\"maxus\":%lu,"
           "\"lateus\":%lu,\"buckets\":[",
           start_ms, figures->sent, figures->answered, figures->lost, percentile_us(figures, 0.99),
           figures->max_ns / 1000, figures->late_ns / 1000);
    const char *comma = "";
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        if (figures->buckets[bucket] == 0) continue;
        printf("%s[%lu,%u]", comma, bucket_us(bucket), figures->buckets[bucket]);
        comma = ",";
    }
    printf("]}\n");
}

static void print_total(double elapsed) {
    printf("{\"sent\":%lu,\"answered\":%lu,\"lost\":%lu,\"rcodes\":{", total.sent, total.answered, total.lost);
    const char *comma = "";
    for (int rcode = 0; rcode < 16; rcode++) {
        if (rcodes[rcode] == 0) continue;
        printf("%s\"%d\":%lu", comma, rcode, rcodes[rcode]);
        comma = ",";
    }
    printf("},\"unmatched\":%lu,\"dropped\":%lu,\"skipped\":%lu,\"seconds\":%.3f,\"p50us\":%lu,\"p99us\":%lu,"
           "\"p999us\":%lu,\"maxus\":%lu,\"lateus\":%lu}\n",
           unmatched, own_drops(), skipped, elapsed, percentile_us(&total, 0.5), percentile_us(&total, 0.99),
           percentile_us(&total, 0.999), total.max_ns / 1000, total.late_ns / 1000);
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    read_queries();
    open_sockets();
    prepare_sending();
    prepare_receiving();
    /* Sleeps shall end when asked, not up to 50 µs later. */
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGTERM, stop_sending);
    if (interval_ms > 0) {
        interval_count = (size_t)(seconds * 1000) / (size_t)interval_ms;
        if (interval_count == 0) fail("--interval is longer than the run");
        intervals = calloc(interval_count, sizeof *intervals);
        if (intervals == NULL) fail("out of memory");
    }
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    start_ns = now_ns();
    double start_ms = (double)wall.tv_sec * 1e3 + (double)wall.tv_nsec / 1e6;
    printf("{\"startMs\":%.3f}\n", start_ms);
    fflush(stdout);
    double elapsed = run();
    /* The last is cut short where the run was. */
    for (size_t index = 0; index < interval_count && (double)((long)index * interval_ms) < elapsed * 1000; index++)
        print_interval(&intervals[index], start_ms + (double)((long)index * interval_ms));
    print_total(elapsed);
    return 0;
}
