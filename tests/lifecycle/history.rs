//! The letters of `history` (spec 7.1).

use super::expect;

/// Packets, and the history they give.
#[track_caller]
fn tells(packets: &str, history: &str) {
    let row = "tcp 10.0.0.1:40000 > 198.51.100.2:80";
    expect(&format!("{packets}\n---\n{row}  history={history}"));
}

#[test]
fn upper_case_is_the_client() {
    tells(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.110 C>S [.] seq 1001:1101 (100) ack 5001
          0.120 S>C [.] seq 5001:5101 (100) ack 1101
          0.130 S>C [.] seq 5101 ack 1101
          0.140 C>S [F.] seq 1101 ack 5101
          0.150 S>C [R] seq 5101",
        "ShADdaFr",
    );
}

#[test]
fn a_flow_that_the_server_begins_is_marked() {
    tells(" 0.000 S>C [S.] seq 5000 ack 1001", "^h");
}

#[test]
fn data_and_acks_are_written_once_a_side() {
    tells(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.010 C>S [.] seq 1001:1101 (100) ack 5001
          0.020 C>S [.] seq 1101 ack 5001
          0.030 C>S [.] seq 1101:1201 (100) ack 5001",
        "AD",
    );
}

#[test]
fn syn_fin_and_reset_are_written_again_at_another_number() {
    tells(
        " 0.000 C>S [S] seq 1000
          0.010 C>S [S] seq 1000
          0.020 C>S [S.] seq 1000 ack 5001   s and h count together
          0.030 C>S [S.] seq 2000 ack 5001
          0.040 C>S [F.] seq 1001:1011 (10) ack 5001
          0.050 C>S [F.] seq 1011 ack 5001
          0.060 C>S [F.] seq 1012 ack 5001
          0.070 C>S [R] seq 1012
          0.080 C>S [R] seq 1012
          0.090 C>S [R] seq 1013",
        "SHFFRR",
    );
}

#[test]
fn a_packet_with_syn_or_fin_gives_no_letter_for_its_payload() {
    tells(
        " 0.000 C>S [S] seq 1000:1010 (10)
          0.010 C>S [F.] seq 1011:1021 (10) ack 5001",
        "SF",
    );
}

#[test]
fn contradictory_flags_have_letters_of_their_own() {
    tells(" 0.000 C>S [FR] seq 1000", "I");
    tells(" 0.000 C>S [SF] seq 1000", "Q");
    tells(" 0.000 C>S [SR] seq 1000", "Q");
    tells(" 0.000 C>S [SFR] seq 1000", "I");
}

#[test]
fn a_packet_without_any_flag_or_payload_gives_none() {
    tells(
        " 0.000 C>S [] seq 1000
          0.010 C>S [P] seq 1000
          0.020 C>S [.] seq 1000 ack 5001",
        "A",
    );
}

#[test]
fn a_closed_window_is_written_with_or_without_ack() {
    tells(" 0.000 C>S [S] seq 1000 win 0", "SW");
}

#[test]
fn a_closed_window_of_a_reset_is_not() {
    tells(" 0.000 C>S [R] seq 1000 win 0", "R");
}

#[test]
fn nor_is_one_towards_a_side_that_has_closed() {
    tells(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.010 S>C [F.] seq 5001 ack 1001
          0.020 C>S [.] seq 1001 ack 5002 win 0",
        "Af",
    );
}

#[test]
fn nor_is_one_after_a_reset() {
    tells(
        " 0.000 C>S [R.] seq 1001 ack 5001
          0.010 C>S [.] seq 1001 ack 5001 win 0",
        "RA",
    );
}

#[test]
fn the_states_before_the_packet_decide_about_that() {
    // With this FIN the server, which has sent FIN and RST, counts as closed again.
    tells(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.110 S>C [F.] seq 5001 ack 1001
          0.120 S>C [R] seq 5002
          0.130 C>S [F.] seq 1001 ack 5001 win 0",
        "ShAfrFW",
    );
}

#[test]
fn repeated_events_are_written_at_1_10_100() {
    let closed: String = (0..99)
        .map(|i| format!("{}.000 C>S [.] seq 1001 ack 5001 win 0\n", i))
        .collect();
    tells(&closed, "AWW");
    let closed = format!("{closed}99.000 C>S [.] seq 1001 ack 5001 win 0");
    tells(&closed, "AWWW");
}

#[test]
fn payload_that_was_seen_is_a_retransmission() {
    tells(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1051:1151 (100) ack 5001
          0.020 S>C [F.] seq 5001 ack 1151
          0.030 S>C [F.] seq 5001 ack 1151   no payload",
        "DTf",
    );
}

#[test]
fn a_gap_is_written_for_the_side_that_lost() {
    tells(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.260 S>C [.] seq 5001:5101 (100) ack 1001
          0.300 C>S [.] seq 1001 ack 5501   400 bytes were not captured
          0.310 C>S [.] seq 1001 ack 5501   known
          0.320 C>S [.] seq 1001 ack 5601",
        "ShAdg",
    );
}

#[test]
fn a_gap_needs_an_established_connection() {
    tells(
        " 0.000 S>C [.] seq 5001:5101 (100) ack 1001
          0.010 C>S [.] seq 1001 ack 5501",
        "^dA",
    );
}

#[test]
fn a_gap_told_of_by_a_reset_is_none() {
    tells(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [R.] seq 1001 ack 5501",
        "ShR",
    );
}

#[test]
fn a_gap_is_told_of_once_whatever_older_acks_follow() {
    let handshake = " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.260 S>C [.] seq 5001:5101 (100) ack 1001";
    let again = " 0.300 C>S [.] seq 1001 ack 5501
          0.300 C>S [.] seq 1001 ack 5401\n"
        .repeat(10);
    tells(&format!("{handshake}\n{}", again.trim_end()), "ShAdg");
}
