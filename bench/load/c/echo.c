/*
 * The floor: what a DNS server costs that does nothing but take packets from the kernel and hand them
 * back, with the two system calls that Stairgate uses. It sets QR and the rcode stays 0.
 *
 *     echo PORT OCTETS
 *
 * Each answer is grown to OCTETS with zeros, so that the kernel moves as much as for a real answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define PACKET_OCTETS 4096
#define HEADER_OCTETS 12
#define FLAGS_AT 2
#define FLAG_QR 0x80

static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_storage addresses[BATCH];
static unsigned char packets[BATCH][PACKET_OCTETS];

static int open_socket(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("binding");
        exit(1);
    }
    return fd;
}

static void reset(int slot) {
    vectors[slot].iov_base = packets[slot];
    vectors[slot].iov_len = PACKET_OCTETS;
    messages[slot].msg_hdr.msg_iov = &vectors[slot];
    messages[slot].msg_hdr.msg_iovlen = 1;
    messages[slot].msg_hdr.msg_name = &addresses[slot];
    messages[slot].msg_hdr.msg_namelen = sizeof addresses[slot];
}

/* Octets beyond what was received are still zero: no query is longer than an answer. */
static void answer(int slot, size_t octets_min) {
    size_t length = messages[slot].msg_len;
    packets[slot][FLAGS_AT] |= FLAG_QR;
    vectors[slot].iov_len = length < octets_min ? octets_min : length;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: echo PORT OCTETS\n");
        return 1;
    }
    size_t octets_min = strtoul(argv[2], NULL, 10);
    if (octets_min > PACKET_OCTETS) octets_min = PACKET_OCTETS;
    int fd = open_socket(atoi(argv[1]));
    for (int slot = 0; slot < BATCH; slot++) reset(slot);
    for (;;) {
        /* Waits for the first packet only, then takes what is there. */
        int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        if (count < 0 && errno != EINTR) return 1;
        for (int slot = 0; slot < count; slot++) answer(slot, octets_min);
        for (int sent = 0; sent < count;) {
            int now = sendmmsg(fd, messages + sent, count - sent, 0);
            sent += now > 0 ? now : 1;
        }
        for (int slot = 0; slot < count; slot++) reset(slot);
    }
}
