// SPDX-License-Identifier: GPL-3.0-or-later
// Counts the TCP sockets of a network namespace by state without copying one out of the kernel: an iterator
// (iter/tcp), asked each time its pinned file is read. Prints `STATE number` a line, with the kernel's
// numbers of the states. Source: Documentation/bpf/bpf_iterators.rst.

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define STATES 16

char LICENSE[] SEC("license") = "GPL";

__u64 sockets[STATES];

SEC("iter/tcp")
int count_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;
	int state;

	// The last call, after all sockets, comes without one; there may be that call alone.
	if (ctx->meta->seq_num == 0)
		for (state = 0; state < STATES; state++)
			sockets[state] = 0;
	if (sk) {
		sockets[sk->skc_state & (STATES - 1)]++;
		return 0;
	}
	for (state = 0; state < STATES; state++)
		BPF_SEQ_PRINTF(seq, "%d %llu\n", state, sockets[state]);
	return 0;
}
