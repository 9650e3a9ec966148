//! Segments, acknowledgements and the samples they give (spec 6.2, 6.4, 7.2, 7.3).

use super::expect;

#[test]
fn a_segment_that_was_sent_twice_gives_no_sample() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1001:1101 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=0",
    );
}

#[test]
fn an_acknowledgement_inside_a_segment_takes_its_sample_away() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1051
          0.070 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=0",
    );
}

#[test]
fn an_acknowledgement_of_several_segments_samples_the_last_one() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.030 C>S [.] seq 1101:1201 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1201
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=1 rtt_min_ns=30000000",
    );
}

#[test]
fn unless_an_earlier_one_was_sent_later() {
    expect(
        " 0.000 C>S [.] seq 1101:1201 (100) ack 5001
          0.001 C>S [.] seq 1001:1101 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1201
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=0",
    );
}

#[test]
fn an_acknowledgement_stamped_before_its_segment_gives_no_sample() {
    expect(
        " 0.100 C>S [.] seq 1001:1101 (100) ack 5001
          0.050 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  clock_backsteps=1
        c: rtt_cnt=0",
    );
}

#[test]
fn syns_fins_and_resets_take_part() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.050 S>C [R.] seq 0 ack 1001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=1 rtt_first_ns=50000000",
    );
    expect(
        " 0.000 C>S [F.] seq 1001 ack 5001
          0.070 S>C [.] seq 5001 ack 1002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=1 rtt_first_ns=70000000",
    );
}

#[test]
fn an_acknowledgement_of_nothing_seen_is_unknown() {
    expect(
        " 0.000 S>C [.] seq 5001 ack 1101
          0.010 C>S [.] seq 1001:1101 (100) ack 5001
          0.070 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=1 rtt_min_ns=60000000 bytes_missed=0",
    );
}

#[test]
fn of_two_segments_sent_at_once_and_acknowledged_the_first_ones_identification_stays() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.200 C>S [.] seq 1001:1101 (100) ack 5001 id 11
          0.200 C>S [.] seq 1101:1201 (100) ack 5001 id 12
          0.260 S>C [.] seq 5001 ack 1201
          0.900 C>S [.] seq 1101:1201 (100) ack 5001 id 12
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: net_dup=0 unneeded_rto=1",
    );
}

#[test]
fn of_two_acknowledged_segments_the_identification_of_the_newer_one_stays() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.200 C>S [.] seq 1001:1101 (100) ack 5001 id 11
          0.201 C>S [.] seq 1101:1201 (100) ack 5001 id 12
          0.260 S>C [.] seq 5001 ack 1201
          0.900 C>S [.] seq 1001:1101 (100) ack 5001 id 12
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: net_dup=1",
    );
}

#[test]
fn the_deviation_needs_two_samples() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=1 rtt_avg_ns=10000000 rtt_std_ns=null
        s: rtt_cnt=0 rtt_avg_ns=null rtt_min_ns=null",
    );
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 S>C [.] seq 5001 ack 1101
          0.100 C>S [.] seq 1101:1201 (100) ack 5001
          0.130 S>C [.] seq 5001 ack 1201
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: rtt_cnt=2 rtt_avg_ns=20000000 rtt_std_ns=14142135.6237 rtt_first_ns=10000000",
    );
}

#[test]
fn the_handshake_is_timed_from_the_latest_syn_to_the_first_syn_ack() {
    expect(
        " 0.000 C>S [S] seq 1000
          1.000 C>S [S] seq 1000
          1.060 S>C [S.] seq 5000 ack 1001
          1.070 C>S [S] seq 1000
          1.500 S>C [S.] seq 5000 ack 1001
          1.540 C>S [.] seq 1001 ack 5001
          1.900 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  syn_synack_ns=60000000 synack_ack_ns=40000000",
    );
}

#[test]
fn a_half_of_the_handshake_that_is_missing_or_runs_backwards_is_null() {
    expect(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.040 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  syn_synack_ns=null synack_ack_ns=40000000",
    );
    expect(
        " 0.100 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001   stamped before its SYN
          0.200 S>C [S.] seq 5000 ack 1001   not the first
          0.150 C>S [.] seq 1001 ack 5001
          0.300 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  syn_synack_ns=null synack_ack_ns=null",
    );
}

#[test]
fn neither_a_reset_nor_a_syn_ack_answers_the_handshake() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.070 C>S [S.] seq 1000 ack 5001
          0.080 C>S [R.] seq 1001 ack 5001
          0.100 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  synack_ack_ns=40000000",
    );
}
