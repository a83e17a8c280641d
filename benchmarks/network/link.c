/* Measuring, the link: Ethernet frames from one interface to another and back, lost, late and queued as told.
 *
 *   link IFACE_A IFACE_B SEED
 *
 * Standard input: lines "ab NAME=VALUE ..." (from A to B), "ba ..." or "both ...". A line sets all of that direction:
 * what it does not name is as a plain wire is. Standard output: a line of JSON each 100 ms, counts since the start.
 *
 *   loss=P           of a hundred packets are lost
 *   burst=ENTER,LEAVE,LOSS   Gilbert-Elliott: percent a packet of becoming bad, of becoming good again, lost while bad
 *   delay=MS         on the way; jitter=MS: up to so much more or less, which reorders nothing by itself
 *   reorder=P        of a hundred packets skip the delay; duplicate=P: come twice
 *   kbps=R           the line's rate, in bits of IP packets; queue=MS: what would wait longer is dropped
 *   mtu=BYTES        larger IP packets are dropped; cut=1: nothing passes
 *
 * What is no IP (ARP) passes at once and is not counted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#define LONGEST_FRAME 2048
#define REPORT_S 0.1

/* What a packet is, as far as it can be told from outside (RFC 7983): signaling and TURN over TCP; ICE; DTLS's beginning;
 * data channels, of which those that are no larger than a receipt (SCTP's SACK) are apart; RTP and RTCP. */
enum { TCP_KIND, STUN_KIND, HANDSHAKE_KIND, RECEIPT_KIND, MESSAGE_KIND, MEDIA_KIND, OTHER_KIND, KINDS };
static const char *const KIND_NAMES[KINDS] = {"tcp", "stun", "handshake", "receipts", "messages", "media", "other"};
#define RECEIPT_PAYLOAD 75 /* of UDP: 93 bytes of IPv4 are 65, and a gap or two */

typedef struct {
    double loss, enter, leave, bad_loss, delay_ms, jitter_ms, reorder, duplicate, kbps, queue_ms;
    int mtu, cut;
} Conditions;

typedef struct Flight {
    struct Flight *next;
    double due_s;
    int length;
    unsigned char frame[LONGEST_FRAME];
} Flight;

typedef struct {
    const char *name;
    Conditions on;
    int is_bad;       /* Gilbert-Elliott */
    double free_s;    /* when the wire has sent all that was given to it */
    double newest_s;  /* jitter reorders nothing: no packet is due before the one ahead of it */
    Flight *flights;  /* by time */
    int in_fd, out_fd, out_index;
    long kinds[KINDS]; /* bytes that went in */
    long in_packets, in_bytes, out_packets, out_bytes, lost, dropped;
} Direction;

static const Conditions PLAIN = {.queue_ms = 1000};
static Direction ways[2] = {{.name = "ab"}, {.name = "ba"}};

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static int happens(double percent) { return percent > 0 && drand48() * 100 < percent; }

static int open_interface(const char *name, int *index) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)), one = 1, room = 4 << 20;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
    *index = address.sll_ifindex = promiscuous.mr_ifindex = if_nametoindex(name);
    if (fd < 0 || !*index || bind(fd, (void *)&address, sizeof address) < 0) {
        perror(name);
        exit(1);
    }
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return fd;
}

static void set(Conditions *on, const char *word) {
    char name[32];
    double a = 0, b = 0, c = 0;
    if (sscanf(word, "%31[a-z]=%lf,%lf,%lf", name, &a, &b, &c) < 2) return;
    if (!strcmp(name, "loss")) on->loss = a;
    else if (!strcmp(name, "burst")) on->enter = a, on->leave = b, on->bad_loss = c;
    else if (!strcmp(name, "delay")) on->delay_ms = a;
    else if (!strcmp(name, "jitter")) on->jitter_ms = a;
    else if (!strcmp(name, "reorder")) on->reorder = a;
    else if (!strcmp(name, "duplicate")) on->duplicate = a;
    else if (!strcmp(name, "kbps")) on->kbps = a;
    else if (!strcmp(name, "queue")) on->queue_ms = a;
    else if (!strcmp(name, "mtu")) on->mtu = (int)a;
    else if (!strcmp(name, "cut")) on->cut = (int)a;
}

static void command(char *line) {
    char *word = strtok(line, " \n");
    Conditions on = PLAIN;
    if (!word) return;
    const char *which = word;
    while ((word = strtok(NULL, " \n"))) set(&on, word);
    for (int i = 0; i < 2; i++)
        if (!strcmp(which, "both") || !strcmp(which, ways[i].name)) {
            ways[i].on = on;
            if (ways[i].free_s > now_s() + on.queue_ms / 1000) ways[i].free_s = now_s() + on.queue_ms / 1000;
        }
}

/* The length of the IP packet in a frame; 0 where there is none. */
static int ip_length(const unsigned char *frame, int length) {
    int type = frame[12] << 8 | frame[13];
    if (type == ETH_P_IP && length >= 34) return frame[16] << 8 | frame[17];
    if (type == ETH_P_IPV6 && length >= 54) return 40 + (frame[18] << 8 | frame[19]);
    return 0;
}

static int kind_of(const unsigned char *frame, int length) {
    int is_ipv6 = (frame[12] << 8 | frame[13]) == ETH_P_IPV6, head = 14 + (is_ipv6 ? 40 : (frame[14] & 15) * 4);
    int protocol = is_ipv6 ? frame[20] : frame[23];
    if (protocol == IPPROTO_TCP) return TCP_KIND;
    if (protocol != IPPROTO_UDP || length < head + 9) return OTHER_KIND;
    int first = frame[head + 8], payload = (frame[head + 4] << 8 | frame[head + 5]) - 8;
    if (first < 4) return STUN_KIND;
    if (first >= 20 && first < 64)
        return first != 23 ? HANDSHAKE_KIND : payload <= RECEIPT_PAYLOAD ? RECEIPT_KIND : MESSAGE_KIND;
    return first >= 128 && first < 192 ? MEDIA_KIND : OTHER_KIND;
}

static void fly(Direction *way, double due_s, const unsigned char *frame, int length) {
    Flight *flight = malloc(sizeof *flight), **place = &way->flights;
    if (!flight) abort();
    flight->due_s = due_s;
    flight->length = length;
    memcpy(flight->frame, frame, length);
    while (*place && (*place)->due_s <= due_s) place = &(*place)->next;
    flight->next = *place;
    *place = flight;
}

static int is_lost(Direction *way) {
    Conditions *on = &way->on;
    if (on->enter > 0) {
        way->is_bad = way->is_bad ? !happens(on->leave) : happens(on->enter);
        if (way->is_bad && happens(on->bad_loss)) return 1;
    }
    return on->cut || happens(on->loss);
}

static void take(Direction *way, const unsigned char *frame, int length) {
    Conditions *on = &way->on;
    int size = ip_length(frame, length);
    double at_s = now_s();
    if (!size) {
        if (!on->cut) fly(way, at_s, frame, length);
        return;
    }
    way->in_packets++;
    way->in_bytes += size;
    way->kinds[kind_of(frame, length)] += size;
    if (is_lost(way)) {
        way->lost++;
        return;
    }
    for (int copies = 1 + happens(on->duplicate); copies > 0; copies--) {
        double sent_s = at_s, delay_ms = on->delay_ms;
        if (on->kbps > 0) {
            double begin_s = way->free_s > at_s ? way->free_s : at_s;
            if ((begin_s - at_s) * 1000 > on->queue_ms || (on->mtu && size > on->mtu)) {
                way->dropped++;
                continue;
            }
            sent_s = way->free_s = begin_s + size * 8 / (on->kbps * 1000);
        } else if (on->mtu && size > on->mtu) {
            way->dropped++;
            continue;
        }
        if (happens(on->reorder)) {
            fly(way, sent_s, frame, length);
            continue;
        }
        if (on->jitter_ms > 0) delay_ms += (2 * drand48() - 1) * on->jitter_ms;
        double due_s = sent_s + (delay_ms > 0 ? delay_ms : 0) / 1000;
        if (due_s < way->newest_s) due_s = way->newest_s;
        fly(way, way->newest_s = due_s, frame, length);
    }
}

static void deliver(Direction *way, double at_s) {
    while (way->flights && way->flights->due_s <= at_s) {
        Flight *flight = way->flights;
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = way->out_index, .sll_halen = 6};
        way->flights = flight->next;
        int size = ip_length(flight->frame, flight->length);
        if (sendto(way->out_fd, flight->frame, flight->length, 0, (void *)&to, sizeof to) >= 0 && size) {
            way->out_packets++;
            way->out_bytes += size;
        }
        free(flight);
    }
}

static void report(double at_s) {
    printf("{\"time_s\": %.3f", at_s);
    for (int i = 0; i < 2; i++) {
        Direction *way = &ways[i];
        double queue_ms = way->free_s > at_s ? (way->free_s - at_s) * 1000 : 0;
        printf(", \"%s\": {\"in_packets\": %ld, \"in_bytes\": %ld, \"out_packets\": %ld, \"out_bytes\": %ld, "
               "\"lost\": %ld, \"dropped\": %ld, \"queue_ms\": %.0f, \"kinds\": {",
               way->name, way->in_packets, way->in_bytes, way->out_packets, way->out_bytes, way->lost, way->dropped,
               queue_ms);
        for (int kind = 0; kind < KINDS; kind++)
            printf("%s\"%s\": %ld", kind ? ", " : "", KIND_NAMES[kind], way->kinds[kind]);
        printf("}}");
    }
    printf("}\n");
    fflush(stdout);
}

static void receive(Direction *way) {
    unsigned char frame[LONGEST_FRAME];
    ssize_t length;
    while ((length = recv(way->in_fd, frame, sizeof frame, 0)) > 0)
        if (length >= 14) take(way, frame, (int)length);
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    srand48(atol(arguments[3]));
    setvbuf(stdin, NULL, _IONBF, 0); /* or poll would not see the lines that stdio holds */
    for (int i = 0; i < 2; i++) {
        ways[i].on = PLAIN;
        ways[i].in_fd = open_interface(arguments[1 + i], &ways[1 - i].out_index);
        ways[1 - i].out_fd = ways[i].in_fd;
    }
    double reported_s = 0;
    for (;;) {
        double at_s = now_s(), wait_s = REPORT_S;
        if (at_s - reported_s >= REPORT_S) report(reported_s = at_s);
        for (int i = 0; i < 2; i++) {
            deliver(&ways[i], at_s);
            if (ways[i].flights && ways[i].flights->due_s - at_s < wait_s) wait_s = ways[i].flights->due_s - at_s;
        }
        struct timespec wait = {0, wait_s > 0 ? (long)(wait_s * 1e9) : 0};
        struct pollfd ready[3] = {{ways[0].in_fd, POLLIN, 0}, {ways[1].in_fd, POLLIN, 0}, {0, POLLIN, 0}};
        if (ppoll(ready, 3, &wait, NULL) < 0) return 1;
        for (int i = 0; i < 2; i++) receive(&ways[i]);
        if (ready[2].revents) {
            char line[512];
            if (!fgets(line, sizeof line, stdin)) return 0;
            command(line);
        }
    }
}
