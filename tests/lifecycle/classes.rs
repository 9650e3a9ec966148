//! Why a segment was sent again or came late (spec 6.3). The handshake gives a sample of 60 ms and
//! one of 40 ms, so the mean is 100 ms, the time-out some 150 ms.

use super::expect;

const HANDSHAKE: &str = " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001";

/// What comes after the handshake, and the client's cells.
#[track_caller]
fn after_the_handshake(packets: &str, client: &str) {
    let row = "tcp 10.0.0.1:40000 > 198.51.100.2:80";
    expect(&format!("{HANDSHAKE}\n{packets}\n---\n{row}\nc: {client}"));
}

#[test]
fn one_number_to_a_closed_window_is_flow_control() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1002 (1) ack 5001
          0.260 S>C [.] seq 5001 ack 1001 win 0
          0.900 C>S [.] seq 1001:1002 (1) ack 5001",
        "flow_ctrl=1 rtx_rto=0",
    );
}

#[test]
fn two_numbers_to_a_closed_window_are_not() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1003 (2) ack 5001
          0.260 S>C [.] seq 5001 ack 1001 win 0
          0.900 C>S [.] seq 1001:1003 (2) ack 5001",
        "flow_ctrl=0 rtx_rto=1",
    );
}

#[test]
fn nor_is_one_number_without_both_syns() {
    expect(
        " 0.200 C>S [.] seq 1001:1002 (1) ack 5001
          0.260 S>C [.] seq 5001 ack 1001 win 0
          0.900 C>S [.] seq 1001:1002 (1) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: flow_ctrl=0 rtx_rto=1",
    );
}

#[test]
fn a_segment_right_behind_a_classified_one_has_its_class() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.900 C>S [.] seq 1101:1201 (100) ack 5001
          0.910 C>S [.] seq 1001:1101 (100) ack 5001   0.71 s after its first sending
          0.920 C>S [.] seq 1101:1201 (100) ack 5001   0.02 s: nothing by itself",
        "rtx_rto=2 rtx_unknown=0",
    );
}

#[test]
fn but_not_when_the_mean_round_trip_has_passed() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.900 C>S [.] seq 1101:1201 (100) ack 5001
          0.910 C>S [.] seq 1001:1101 (100) ack 5001
          1.000 C>S [.] seq 1101:1201 (100) ack 5001   100 ms is the mean",
        "rtx_rto=1 rtx_unknown=1",
    );
}

#[test]
fn the_same_identification_is_a_duplicate_of_the_network() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001 id 77
          0.900 C>S [.] seq 1001:1101 (100) ack 5001 id 77",
        "net_dup=1 rtx_rto=0",
    );
}

#[test]
fn also_after_it_was_acknowledged() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001 id 77
          0.260 S>C [.] seq 5001 ack 1101
          0.900 C>S [.] seq 1001:1101 (100) ack 5001 id 77",
        "net_dup=1 unneeded_rto=0",
    );
}

#[test]
fn an_identification_of_zero_says_nothing() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001 id 0
          0.900 C>S [.] seq 1001:1101 (100) ack 5001 id 0",
        "net_dup=0 rtx_rto=1",
    );
}

#[test]
fn the_segment_behind_a_hole_lends_it_no_identification() {
    after_the_handshake(
        " 0.199 C>S [.] seq 1001:1101 (100) ack 5001
          0.200 C>S [.] seq 1201:1301 (100) ack 5001 id 77
          0.201 C>S [.] seq 1101:1201 (100) ack 5001 id 77",
        "net_dup=0 reordered=1 pkts_ooo=1",
    );
}

#[test]
fn unless_it_was_acknowledged() {
    // Row 7 asks for no hit: the hole lies before something that has arrived.
    after_the_handshake(
        " 0.200 C>S [.] seq 1101:1201 (100) ack 5001 id 77
          0.260 S>C [.] seq 5001 ack 1201
          0.300 C>S [.] seq 1001:1101 (100) ack 5001 id 77",
        "net_dup=1",
    );
}

#[test]
fn after_three_duplicate_acks_it_is_a_fast_retransmit() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.210 C>S [.] seq 1101:1201 (100) ack 5001
          0.260 S>C [.] seq 5001 ack 1101
          0.261 S>C [.] seq 5001 ack 1101
          0.262 S>C [.] seq 5001 ack 1101
          0.263 S>C [.] seq 5001 ack 1101
          0.264 C>S [.] seq 1101:1201 (100) ack 5001",
        "rtx_fr=1",
    );
}

#[test]
fn after_two_it_is_not() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.210 C>S [.] seq 1101:1201 (100) ack 5001
          0.260 S>C [.] seq 5001 ack 1101
          0.261 S>C [.] seq 5001 ack 1101
          0.262 S>C [.] seq 5001 ack 1101
          0.264 C>S [.] seq 1101:1201 (100) ack 5001",
        "rtx_fr=0 rtx_unknown=1",
    );
}

#[test]
fn later_than_the_time_out_it_is_one() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.900 C>S [.] seq 1001:1101 (100) ack 5001",
        "rtx_rto=1 rtx_unknown=0",
    );
}

#[test]
fn without_samples_of_both_sides_the_time_out_is_half_a_second() {
    for (again, cells) in [
        ("0.500", "rtx_rto=0 rtx_unknown=1"),
        ("0.500001", "rtx_rto=1 rtx_unknown=0"),
    ] {
        expect(&format!(
            "0.000 C>S [.] seq 1001:1101 (100) ack 5001
             {again} C>S [.] seq 1001:1101 (100) ack 5001
             ---
             tcp 10.0.0.1:40000 > 198.51.100.2:80
             c: {cells}"
        ));
    }
}

#[test]
fn a_hole_that_is_filled_soon_was_reordered() {
    after_the_handshake(
        " 0.199 C>S [.] seq 1001:1101 (100) ack 5001
          0.200 C>S [.] seq 1201:1301 (100) ack 5001
          0.299 C>S [.] seq 1101:1201 (100) ack 5001   less than the shortest round trip",
        "reordered=1 rtx_unknown=0 pkts_ooo=1 pkts_retx=0",
    );
    after_the_handshake(
        " 0.199 C>S [.] seq 1001:1101 (100) ack 5001
          0.200 C>S [.] seq 1201:1301 (100) ack 5001
          0.300 C>S [.] seq 1101:1201 (100) ack 5001",
        "reordered=0 rtx_unknown=1 pkts_ooo=1",
    );
}

#[test]
fn a_hole_that_is_filled_late_was_sent_again() {
    // The time since the segment before it counts, even where the one behind it is young.
    after_the_handshake(
        " 0.101 C>S [.] seq 1001:1101 (100) ack 5001
          0.800 C>S [.] seq 1201:1301 (100) ack 5001
          0.801 C>S [.] seq 1101:1201 (100) ack 5001",
        "rtx_rto=1 reordered=0 pkts_ooo=1",
    );
}

#[test]
fn a_hole_in_front_of_all_has_no_age_where_round_trips_are_known() {
    let data = " 0.200 C>S [.] seq 2001:2101 (100) ack 5001
          0.260 S>C [.] seq 5001:5101 (100) ack 2101";
    let hole = " 1.500 C>S [.] seq 1001:1101 (100) ack 5101";
    let row = "tcp 10.0.0.1:40000 > 198.51.100.2:80";
    // One side's samples are not enough to know them: the segment behind tells the age.
    expect(&format!(
        "{data}\n{hole}\n---\n{row}\nc: unneeded_rto=1 rtx_unknown=0"
    ));
    let answered = " 0.300 C>S [.] seq 2101 ack 5101";
    expect(&format!(
        "{data}\n{answered}\n{hole}\n---\n{row}\nc: unneeded_rto=0 rtx_unknown=1"
    ));
}

#[test]
fn what_had_arrived_was_sent_again_needlessly_after_duplicate_acks() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.210 C>S [.] seq 1201:1301 (100) ack 5001   1101 is not captured
          0.260 S>C [.] seq 5001 ack 1101
          0.261 S>C [.] seq 5001 ack 1101
          0.262 S>C [.] seq 5001 ack 1101
          0.263 S>C [.] seq 5001 ack 1301
          0.264 C>S [.] seq 1201:1301 (100) ack 5001",
        "unneeded_fr=1 rtx_unknown=0",
    );
}

#[test]
fn what_had_arrived_was_sent_again_needlessly_after_a_time_out() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.260 S>C [.] seq 5001 ack 1101
          0.900 C>S [.] seq 1001:1101 (100) ack 5001",
        "unneeded_rto=1 rtx_unknown=0",
    );
}

#[test]
fn anything_else_is_unknown() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.310 C>S [.] seq 1001:1101 (100) ack 5001   before the time-out, no duplicate acks",
        "rtx_unknown=1 pkts_retx=1 bytes_retx=100 bytes_uniq=100",
    );
}

#[test]
fn one_packet_can_count_in_several_classes() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.201 C>S [.] seq 1201:1301 (100) ack 5001
          0.900 C>S [.] seq 1001:1301 (300) ack 5001   seen, hole, seen",
        "pkts_retx=1 rtx_rto=3 bytes_uniq=300 bytes_retx=200 pkts_ooo=0",
    );
}

#[test]
fn the_age_of_a_segment_counts_from_its_last_sending() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.900 C>S [.] seq 1001:1101 (100) ack 5001
          1.010 C>S [.] seq 1001:1101 (100) ack 5001   0.11 s later",
        "rtx_rto=1 rtx_unknown=1",
    );
}

#[test]
fn a_packet_renews_only_the_first_segment_that_it_hits() {
    after_the_handshake(
        " 0.200 C>S [.] seq 1001:1101 (100) ack 5001
          0.200 C>S [.] seq 1101:1201 (100) ack 5001
          0.300 C>S [.] seq 1001:1201 (200) ack 5001   both, neither long ago
          0.450 C>S [.] seq 1101:1201 (100) ack 5001   0.25 s after its own sending",
        "rtx_unknown=2 rtx_rto=1",
    );
}
