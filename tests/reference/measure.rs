//! Steps 7 and 9 to 14 of spec 5: probes, the sequence analysis and what it feeds, windows, bytes
//! in flight, messages.

use super::facts::{Facts, Flags, int32};
use super::rtt;
use super::segments::Sending;
use super::side::Side;

/// Step 7 (spec 6.7).
pub(crate) fn find_probes(me: &mut Side, peer: &Side, facts: &Facts) {
    let Flags {
        fin, syn, rst, ack, ..
    } = facts.flags;
    if !(syn || fin || rst) {
        if is_zero_window_probe(me, peer, facts) {
            me.zero_win_probes += 1;
        } else if is_keepalive(me, peer, facts) {
            me.keepalives += 1;
        }
    }
    if !ack || rst {
        return;
    }
    if me.lastack != Some(facts.header.ack) {
        me.dup_run = 0;
        return;
    }
    let same_window = me.lastack_window == Some(facts.header.window);
    let outstanding = matches!((peer.hi, facts.ua), (Some(hi), Some(ack)) if hi > ack);
    if facts.is_pure_ack() && same_window && outstanding {
        me.dup_acks += 1;
        me.dup_run += 1;
        me.triple_dup_acks += u64::from(me.dup_run == 3);
    }
}

fn is_zero_window_probe(me: &Side, peer: &Side, facts: &Facts) -> bool {
    let Some(hi) = me.hi else { return false };
    let with_byte = facts.len == 1 && facts.u >= hi - 1;
    let without_byte =
        facts.len == 0 && facts.flags.ack && facts.u == hi - 1 && has_acked(peer, hi);
    peer.wcur == Some(0) && (with_byte || without_byte)
}

fn is_keepalive(me: &Side, peer: &Side, facts: &Facts) -> bool {
    let Some(hi) = me.hi else { return false };
    facts.flags.ack
        && facts.len <= 1
        && facts.u == hi - 1
        && peer.wcur != Some(0)
        && has_acked(peer, hi)
}

/// The peer's last ack is at or above `hi`.
fn has_acked(peer: &Side, hi: i64) -> bool {
    peer.lastack
        .is_some_and(|ack| int32(i64::from(ack) - hi) >= 0)
}

/// Step 9.
pub(crate) fn analyse_sequence(
    me: &mut Side,
    peer: &Side,
    facts: &mut Facts,
    both_syn: bool,
    max_segments: usize,
) {
    let numbers = facts.numbers();
    if numbers == 0 {
        return;
    }
    let payload_begin = facts.u + i64::from(facts.flags.syn);
    let sending = Sending {
        a: facts.u,
        b: facts.u + numbers - 1,
        payload: (payload_begin, payload_begin + facts.len),
        time: facts.time,
        id: facts.id,
        estimates: rtt::estimates(&me.rtt, &peer.rtt),
        window_closed: peer.wcur == Some(0) && both_syn,
    };
    let seen = me.segments.send(&sending, &mut me.classes, max_segments);
    me.bytes_uniq += (facts.len - seen.pay).unsigned_abs();
    me.bytes_retx += seen.pay.unsigned_abs();
    me.pkts_retx += u64::from(seen.rex > 0);
    me.pkts_ooo += u64::from(seen.ooo);
    if !facts.flags.rst {
        me.nums += numbers - seen.rex;
    }
    facts.seen = seen;
}

/// Step 10 (spec 6.4, 6.6).
pub(crate) fn acknowledge(peer: &mut Side, facts: &mut Facts) {
    let Some(ack) = facts.ua else { return };
    if let Some(sample) = peer.segments.acknowledge(ack, facts.time) {
        peer.rtt.all.push(sample);
    }
    let Some(head) = peer.segments.list.first() else {
        return;
    };
    if facts.flags.rst {
        return;
    }
    let base = peer
        .acked_to
        .map_or(head.a, |acked_to| acked_to.max(head.a));
    facts.peer_gap = ack > base && peer.segments.misses_some(base, ack);
    peer.acked_to = Some(base.max(ack));
}

/// Step 11.
pub(crate) fn note_numbers(me: &mut Side, facts: &Facts) {
    let Flags { fin, syn, rst, .. } = facts.flags;
    if rst {
        return;
    }
    let end = facts.end();
    let end_with_fin = end + i64::from(fin);
    let after_syn = facts.u + i64::from(syn);
    me.hi = me.hi.max(Some(end_with_fin));
    if facts.numbers() > 0 {
        me.hi_num = me.hi_num.max(Some(end_with_fin));
    }
    if facts.len > 0 || fin {
        me.lo = Some(me.lo.map_or(after_syn, |lo| lo.min(after_syn)));
    }
    if facts.seen.rex == 0 {
        me.nxt = Some(end);
    }
    if me.mark.is_none() || (syn && me.msgs == 0) {
        me.mark = Some(after_syn);
    }
}

/// Step 12.
pub(crate) fn note_window(me: &mut Side, peer: &mut Side, facts: &Facts) {
    let Flags { syn, rst, ack, .. } = facts.flags;
    if rst {
        return;
    }
    let window = facts.window;
    if ack || syn {
        me.wcur = Some(window);
        me.win.add(window);
        if window > 0 {
            me.win_open.add(window);
        }
        me.win_init = me.win_init.or(Some(window));
    }
    if ack {
        me.win_zero += u64::from(window == 0);
        if let Some(isn) = peer.isn
            && facts.header.ack != isn.wrapping_add(1)
        {
            peer.data_acked = true;
        }
        me.lastack = Some(facts.header.ack);
        me.lastack_window = Some(facts.header.window);
        if !syn {
            me.ack_times.add(facts.time);
        }
    }
    if me.isn.is_some() && !me.data_acked && facts.seen.rex == 0 {
        me.init_inflight += facts.len.unsigned_abs();
    }
}

/// Step 13 (spec 6.5).
pub(crate) fn measure_inflight(me: &mut Side, peer: &Side, facts: &Facts) {
    let Flags { syn, rst, .. } = facts.flags;
    if syn || rst || facts.seen.rex > 0 || facts.seen.ooo {
        return;
    }
    let base = match (peer.lastack, me.isn) {
        (Some(ack), _) => i64::from(ack),
        (None, Some(isn)) => i64::from(isn) + 1,
        (None, None) => return,
    };
    let inflight = (facts.end() - base).rem_euclid(1 << 32);
    if 0 < inflight && inflight < 1 << 31 {
        me.inflight.add(inflight);
    }
}

/// Step 14 (spec 6.8).
pub(crate) fn count_messages(me: &mut Side, facts: &Facts) {
    let Flags {
        fin, rst, psh, ack, ..
    } = facts.flags;
    if ack && (psh || fin) && !rst && me.nxt > me.mark {
        me.msgs += 1;
        me.mark = me.nxt;
    }
}
