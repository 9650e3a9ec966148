//! The states of both sides and the verdict on them (spec 7.1).

use super::expect;

const HANDSHAKE: &str = " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001";

/// Packets, and the state they end in.
#[track_caller]
fn ends_as(packets: &str, conn_state: &str) {
    let row = "tcp 10.0.0.1:40000 > 198.51.100.2:80";
    expect(&format!("{packets}\n---\n{row}  conn_state={conn_state}"));
}

#[track_caller]
fn after_the_handshake(packets: &str, conn_state: &str) {
    ends_as(&format!("{HANDSHAKE}\n{packets}"), conn_state);
}

#[test]
fn a_syn_without_answer_is_s0() {
    ends_as(" 0.000 C>S [S] seq 1000", "S0");
}

#[test]
fn syn_and_syn_ack_establish_both_sides() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001",
        "S1",
    );
}

#[test]
fn two_fins_are_sf_whether_acknowledged_or_not() {
    after_the_handshake(
        " 0.200 C>S [F.] seq 1001 ack 5001
          0.210 S>C [F.] seq 5001 ack 1001",
        "SF",
    );
}

#[test]
fn a_fin_of_the_client_alone_is_s2_and_of_the_server_s3() {
    after_the_handshake(" 0.200 C>S [F.] seq 1001 ack 5001", "S2");
    after_the_handshake(" 0.200 S>C [F.] seq 5001 ack 1001", "S3");
}

#[test]
fn a_refused_syn_is_rej() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.050 S>C [R.] seq 0 ack 1001",
        "REJ",
    );
}

#[test]
fn so_are_two_resets_without_payload() {
    let resets = " 0.200 C>S [R] seq 1001
                   0.210 S>C [R] seq 5001";
    after_the_handshake(resets, "REJ");
    let payload = " 0.110 C>S [.] seq 1001:1011 (10) ack 5001";
    after_the_handshake(&format!("{payload}\n{resets}"), "RSTR");
}

#[test]
fn a_reset_of_the_client_is_rsto_and_of_the_server_rstr() {
    after_the_handshake(" 0.200 C>S [R] seq 1001", "RSTO");
    after_the_handshake(" 0.200 S>C [R] seq 5001", "RSTR");
}

#[test]
fn a_syn_that_its_sender_resets_is_rstos0() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.050 C>S [R] seq 1001",
        "RSTOS0",
    );
}

#[test]
fn but_not_when_more_came_before_the_reset() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.010 C>S [.] seq 1001 ack 5001
          0.050 C>S [R] seq 1001",
        "OTH",
    );
}

#[test]
fn nor_when_the_letter_of_the_reset_is_another() {
    // FIN and RST together are an I.
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.050 C>S [FR] seq 1001",
        "OTH",
    );
}

#[test]
fn the_first_reset_decides_about_that() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.050 C>S [R] seq 1001
          0.060 C>S [.] seq 1001 ack 5001
          0.070 C>S [R] seq 1002",
        "RSTOS0",
    );
}

#[test]
fn an_answer_and_reset_to_a_syn_never_seen_is_rstrh() {
    ends_as(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.050 S>C [R] seq 5001",
        "RSTRH",
    );
}

#[test]
fn a_syn_and_fin_without_answer_is_sh_and_the_other_half_shr() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.050 C>S [F.] seq 1001 ack 5001",
        "SH",
    );
    ends_as(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.050 S>C [F.] seq 5001 ack 1001",
        "SHR",
    );
}

#[test]
fn traffic_without_handshake_is_oth() {
    ends_as(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 S>C [.] seq 5001:5011 (10) ack 1011",
        "OTH",
    );
    ends_as(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 C>S [R] seq 1011",
        "OTH",
    );
}

#[test]
fn an_ack_to_an_established_server_establishes_the_client() {
    ends_as(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.040 C>S [.] seq 1001 ack 5001",
        "S1",
    );
}

#[test]
fn payload_without_ack_does_not() {
    ends_as(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.040 C>S [P] seq 1001:1011 (10)",
        "OTH",
    );
}

#[test]
fn a_syn_that_comes_after_its_answer_establishes_the_client() {
    ends_as(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.002 C>S [S] seq 1000",
        "S1",
    );
}

#[test]
fn a_client_that_sends_a_syn_ack_waits_for_an_answer() {
    ends_as(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.002 C>S [S.] seq 1000 ack 5001
          0.010 S>C [R] seq 5001",
        "REJ",
    );
}

#[test]
fn an_empty_packet_of_the_server_before_its_syn_ack_says_nothing() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.010 S>C [.] seq 77 ack 88",
        "S0",
    );
}

#[test]
fn one_with_payload_does() {
    ends_as(
        " 0.000 C>S [S] seq 1000
          0.010 S>C [.] seq 77:78 (1) ack 88",
        "OTH",
    );
}

#[test]
fn a_reset_after_both_fins_changes_nothing() {
    after_the_handshake(
        " 0.200 C>S [F.] seq 1001 ack 5001
          0.260 S>C [F.] seq 5001 ack 1002
          0.270 C>S [R] seq 1002",
        "SF",
    );
}

#[test]
fn a_reset_after_the_own_fin_alone_is_a_reset() {
    after_the_handshake(
        " 0.200 C>S [F.] seq 1001 ack 5001
          0.270 C>S [R] seq 1002",
        "RSTO",
    );
}

#[test]
fn the_fin_of_the_peer_makes_that_an_orderly_end() {
    after_the_handshake(
        " 0.200 S>C [F.] seq 5001 ack 1001
          0.210 S>C [R] seq 5002
          0.260 C>S [F.] seq 1001 ack 5002",
        "SF",
    );
}

#[test]
fn fin_and_reset_in_one_packet_of_an_open_side_are_a_reset_alone() {
    after_the_handshake(
        " 0.200 S>C [FR.] seq 5001 ack 1001
          0.260 C>S [F.] seq 1001 ack 5002",
        "RSTR",
    );
}

#[test]
fn as_a_sides_first_packet_they_are_a_fin_and_then_a_reset() {
    ends_as(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.200 S>C [FR.] seq 5001 ack 1001
          0.260 C>S [F.] seq 1001 ack 5002",
        "SF",
    );
}

#[test]
fn nothing_follows_a_reset() {
    after_the_handshake(
        " 0.200 C>S [R] seq 1001
          0.210 C>S [F.] seq 1001 ack 5001
          0.220 C>S [.] seq 1002 ack 5001",
        "RSTO",
    );
}

#[test]
fn a_first_syn_that_is_a_fin_too_has_opened_and_closed() {
    ends_as(" 0.000 C>S [SF] seq 1000", "SH");
}

#[test]
fn a_bare_syn_of_a_client_without_handshake_begins_one_if_nobody_answered() {
    // A SYN+ACK changes nothing there, but makes the bare SYN with its number a repetition.
    let middle = " 0.000 C>S [.] seq 1000 ack 5001
          0.010 C>S [S.] seq 1000 ack 5001";
    let syn = " 0.030 C>S [S] seq 1000";
    ends_as(middle, "OTH");
    ends_as(&format!("{middle}\n{syn}"), "S0");
    let answer = " 0.020 S>C [.] seq 5001 ack 1000";
    ends_as(&format!("{middle}\n{answer}\n{syn}"), "OTH");
}
