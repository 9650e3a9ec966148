//! The work per TCP packet, step by step (spec 5), and bare SYNs on flows that exist (spec 4.3).
//! Steps 7 and 9 to 14 are in `measure`.

use goostat::decode::{Headers, TcpHeader, Transport, tcp_flags, tcp_options};

use super::facts::{Facts, Flags, unwrap};
use super::flow::{Closed, Flow};
use super::measure::{
    acknowledge, analyse_sequence, count_messages, find_probes, measure_inflight, note_numbers,
    note_window,
};
use super::side::{Direction, Side};
use super::{elapsed, history, state};

/// Whether a bare SYN ends the flow it meets instead of joining it (spec 4.3).
pub(crate) fn bare_syn_ends(flow: &Flow, direction: Direction, headers: &Headers) -> bool {
    let Transport::Tcp(header) = &headers.transport else {
        return false;
    };
    if !Flags::of(header.flags).is_bare_syn() {
        return false;
    }
    let (me, peer) = match direction {
        Direction::ClientToServer => (&flow.c, &flow.s),
        Direction::ServerToClient => (&flow.s, &flow.c),
    };
    if flow.closed.is_some() {
        return true;
    }
    if let Some(latest) = me.isn {
        return latest != header.seq;
    }
    let simultaneous_open = peer.pkts > 0 && peer.bare_syns == peer.pkts;
    let handshake_out_of_order = peer.synack_ack == Some(header.seq.wrapping_add(1));
    !(simultaneous_open || handshake_out_of_order)
}

/// Counts a packet in its flow. What UDP takes too was counted before.
pub(crate) fn count(
    flow: &mut Flow,
    direction: Direction,
    time: i64,
    headers: &Headers,
    header: &TcpHeader,
    max_segments: usize,
) {
    let both_scale = flow.c.wscale.is_some() && flow.s.wscale.is_some();
    let both_syn = |flow: &Flow| flow.c.isn.is_some() && flow.s.isn.is_some();
    let (me, peer) = flow.me_and_peer(direction);
    let mut facts = unwrap(me, peer, time, headers, header);
    count_flags(me, &facts);
    note_fins(me, peer, &facts);
    facts.window = window_value(me, &facts, both_scale);
    note_restarts(me, &facts);
    time_handshake(flow, direction, &facts);
    let both_syn = both_syn(flow);
    let (me, peer) = flow.me_and_peer(direction);
    read_options(me, &facts);
    find_probes(me, peer, &facts);
    count_payload(me, &facts);
    analyse_sequence(me, peer, &mut facts, both_syn, max_segments);
    acknowledge(peer, &mut facts);
    note_numbers(me, &facts);
    note_window(me, peer, &facts);
    measure_inflight(me, peer, &facts);
    count_messages(me, &facts);
    let before = state::of(flow);
    state::advance(flow, direction, &facts);
    history::write(flow, direction, &facts, before);
    note_acked(flow, direction, &facts);
    close(flow, &facts);
}

/// The rest of step 1: flag counters and pure ACKs.
fn count_flags(me: &mut Side, facts: &Facts) {
    let byte = facts.flags.byte;
    let has = |flag: u8| u64::from(byte & flag != 0);
    me.syn += has(tcp_flags::SYN);
    me.fin += has(tcp_flags::FIN);
    me.rst += has(tcp_flags::RST);
    me.psh += has(tcp_flags::PSH);
    me.urg += has(tcp_flags::URG);
    me.ece += has(tcp_flags::ECE);
    me.cwr += has(tcp_flags::CWR);
    me.pkts_ack += has(tcp_flags::ACK);
    me.pkts_ack_pure += u64::from(facts.is_pure_ack());
    me.flags_or |= byte;
    me.bare_syns += u64::from(facts.flags.is_bare_syn());
}

/// Step 3.
fn note_fins(me: &mut Side, peer: &mut Side, facts: &Facts) {
    if facts.flags.fin {
        me.fin_end = Some(facts.u + facts.numbers());
    }
    if let (Some(ack), Some(fin_end)) = (facts.ua, peer.fin_end)
        && ack >= fin_end
    {
        peer.fin_acked = true;
    }
}

/// Step 4.
fn window_value(me: &Side, facts: &Facts, both_scale: bool) -> u32 {
    let field = u32::from(facts.header.window);
    match me.wscale {
        Some(scale) if both_scale && !facts.flags.syn => field << scale.min(14),
        _ => field,
    }
}

/// Step 5, but for the handshake times.
fn note_restarts(me: &mut Side, facts: &Facts) {
    if facts.flags.syn {
        let seq = facts.header.seq;
        me.seq_restart |= me.isn.is_some_and(|earlier| earlier != seq);
        me.isn = Some(seq);
        me.isn_unwrapped = Some(facts.u);
    }
    if facts.flags.fin {
        let number = facts.number_after();
        me.seq_restart |= me.fin_number.is_some_and(|earlier| earlier != number);
        me.fin_number = Some(number);
    }
}

/// Step 5, handshake times (spec 7.2).
fn time_handshake(flow: &mut Flow, direction: Direction, facts: &Facts) {
    let Flags { syn, rst, ack, .. } = facts.flags;
    let time = facts.time;
    if direction == Direction::ServerToClient && syn && ack && flow.s.synack_time.is_none() {
        flow.syn_synack = flow.c.bare_syn_time.map(|syn_time| elapsed(time, syn_time));
    }
    if direction == Direction::ClientToServer
        && ack
        && !syn
        && !rst
        && !flow.synack_answered
        && let Some(synack_time) = flow.s.synack_time
    {
        flow.synack_answered = true;
        flow.synack_ack = Some(elapsed(time, synack_time));
    }
    let me = flow.side(direction);
    if syn && ack {
        me.synack_time = Some(time);
        me.synack_ack = Some(facts.header.ack);
    } else if syn {
        me.bare_syn_time = Some(time);
    }
}

/// Step 6 (spec 7.4). What only packets with S may offer was read only there.
fn read_options(me: &mut Side, facts: &Facts) {
    let options = &facts.header.options;
    me.opt_wscale |= options.window_scale().is_some();
    me.opt_ts |= options.has(tcp_options::TIMESTAMPS);
    me.opt_sack |= options.has(tcp_options::SACK_PERMITTED);
    me.opt_mptcp |= options.has(tcp_options::MPTCP);
    me.opt_tfo |= options.has(tcp_options::FAST_OPEN);
    me.wscale = options.window_scale().or(me.wscale);
    me.mss = options.mss().or(me.mss);
    me.sack_pkts += u64::from(options.has(tcp_options::SACK));
    me.dsack += u64::from(options.has(tcp_options::DSACK));
}

/// Step 8.
fn count_payload(me: &mut Side, facts: &Facts) {
    if facts.len > 0 {
        me.pkts_data += 1;
        me.bytes += facts.len.unsigned_abs();
        me.seg.add(facts.payload_len());
        me.data_times.add(facts.time);
    }
}

/// The last part of step 15: `hi_acked` (spec 6.6).
fn note_acked(flow: &mut Flow, direction: Direction, facts: &Facts) {
    let established = flow.c.states.is_established() && flow.s.states.is_established();
    if established && !facts.flags.rst && facts.ua.is_some() {
        let (_, peer) = flow.me_and_peer(direction);
        peer.hi_acked = peer.hi_acked.max(facts.ua);
    }
}

/// Step 16 (spec 4.4).
fn close(flow: &mut Flow, facts: &Facts) {
    if flow.closed.is_some() {
        return;
    }
    if facts.flags.rst {
        flow.closed = Some(Closed::Rst);
    } else if flow.c.fin_acked && flow.s.fin_acked {
        flow.closed = Some(Closed::Fin);
    }
}
