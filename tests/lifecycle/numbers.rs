//! Sequence numbers: wrap, restarts, bytes in flight and bytes missed, messages (spec 5, 6.1, 6.5,
//! 6.6, 6.8).

use super::expect;

#[test]
fn numbers_go_on_behind_the_wrap() {
    expect(
        " 0.000 C>S [.] seq 4294967246:50 (100) ack 5001
          0.010 C>S [.] seq 50:150 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 150
          0.900 C>S [.] seq 4294967246:50 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes_uniq=200 bytes_retx=100 pkts_ooo=0 bytes_missed=0 rtt_cnt=1",
    );
}

#[test]
fn a_reset_moves_no_reference_except_as_the_first_packet() {
    // Two resets each nearly half of all numbers ahead would make the next segment a new one.
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [R] seq 2000000000
          0.020 C>S [R] seq 4000000000
          0.030 C>S [.] seq 1001:1101 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts_retx=1 bytes_uniq=100 bytes_retx=100",
    );
    expect(
        " 0.000 C>S [R] seq 4294967286:0 (10)   the numbers go on from here
          0.010 C>S [.] seq 0:10 (10) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes_uniq=20 pkts_ooo=0",
    );
}

#[test]
fn overlaps_are_counted_byte_by_byte() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1051:1151 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes=200 bytes_uniq=150 bytes_retx=50 pkts_retx=1",
    );
}

#[test]
fn a_repeated_syn_or_fin_is_a_retransmission_without_bytes() {
    expect(
        " 0.000 C>S [S] seq 1000
          1.000 C>S [S] seq 1000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts_retx=1 bytes_retx=0 rtx_rto=1 seq_restart=false",
    );
    expect(
        " 0.000 C>S [F.] seq 1001:1011 (10) ack 5001
          1.000 C>S [F.] seq 1011 ack 5001   the same FIN, without the payload
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts_retx=1 bytes_retx=0 bytes_uniq=10 seq_restart=false",
    );
}

#[test]
fn a_syn_or_fin_at_another_number_is_a_restart() {
    expect(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.010 S>C [S.] seq 6000 ack 1001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: seq_restart=false
        s: seq_restart=true",
    );
    expect(
        " 0.000 C>S [F.] seq 1001:1011 (10) ack 5001
          1.000 C>S [F.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: seq_restart=true",
    );
}

#[test]
fn a_hole_that_is_filled_later_is_not_missed() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1201:1301 (100) ack 5001
          0.900 C>S [.] seq 1101:1201 (100) ack 5001
          0.910 C>S [.] seq 1401:1501 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes_missed=100 pkts_ooo=1",
    );
}

#[test]
fn what_only_an_acknowledgement_tells_of_is_missed_in_established_connections() {
    let data = "0.200 C>S [P.] seq 1001:1101 (100) ack 5001
                0.260 S>C [.] seq 5001 ack 2001";
    let row = "tcp 10.0.0.1:40000 > 198.51.100.2:80";
    let handshake = "0.000 C>S [S] seq 1000
                     0.060 S>C [S.] seq 5000 ack 1001
                     0.100 C>S [.] seq 1001 ack 5001";
    expect(&format!(
        "{handshake}\n{data}\n---\n{row}\nc: bytes_missed=900"
    ));
    expect(&format!("{data}\n---\n{row}\nc: bytes_missed=0"));
}

#[test]
fn an_acknowledgement_by_a_reset_tells_nothing() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001
          0.200 S>C [R.] seq 5001 ack 2001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  history=ShAr
        c: bytes_missed=0",
    );
}

#[test]
fn what_a_reset_carries_counts_as_bytes_but_not_as_seen() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [R] seq 1101:1111 (10)
          0.020 C>S [.] seq 1111:1121 (10) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes=120 bytes_uniq=120 bytes_missed=10",
    );
}

#[test]
fn a_side_that_sent_no_number_misses_none() {
    expect(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.010 S>C [.] seq 5001 ack 9001
          0.020 C>S [R] seq 1001:1011 (10)
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes_missed=0
        s: bytes_missed=0",
    );
}

#[test]
fn before_any_ack_the_flight_begins_behind_the_syn() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.100 C>S [.] seq 1001:1101 (100) ack 5001
          0.110 C>S [.] seq 1101:1201 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: min_inflight=100 max_inflight=200 init_inflight=200",
    );
}

#[test]
fn without_an_ack_and_a_syn_the_flight_is_unknown() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: min_inflight=null max_inflight=null init_inflight=null",
    );
}

#[test]
fn neither_resets_nor_repeated_or_late_segments_have_a_flight() {
    expect(
        " 0.000 S>C [.] seq 5001 ack 1001
          0.010 C>S [.] seq 1001:1011 (10) ack 5001
          0.020 C>S [.] seq 1101:1201 (100) ack 5001
          0.030 C>S [.] seq 1001:1011 (10) ack 5001
          0.040 S>C [.] seq 5001 ack 1041
          0.050 C>S [.] seq 1041:1051 (10) ack 5001   it fills a hole
          0.060 C>S [R] seq 1045
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: min_inflight=10 max_inflight=200 pkts_ooo=1",
    );
}

#[test]
fn the_first_flight_ends_when_more_than_the_syn_is_acknowledged() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001:1101 (100) ack 5001
          0.110 S>C [.] seq 5001 ack 1001   no more than the SYN
          0.120 C>S [.] seq 1101:1201 (100) ack 5001
          0.130 C>S [.] seq 1001:1101 (100) ack 5001   again
          0.180 S>C [.] seq 5001 ack 1201
          0.190 C>S [.] seq 1201:1301 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: init_inflight=200",
    );
}

#[test]
fn a_message_ends_with_psh_or_fin() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [P.] seq 1101:1201 (100) ack 5001
          0.020 C>S [P.] seq 1201 ack 5001   nothing new
          0.030 C>S [.] seq 1201:1301 (100) ack 5001
          0.040 C>S [F.] seq 1301 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: msgs=2",
    );
}

#[test]
fn what_is_sent_again_is_no_message() {
    expect(
        " 0.000 C>S [P.] seq 1001:1101 (100) ack 5001
          0.500 C>S [P.] seq 1001:1101 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: msgs=1",
    );
}

#[test]
fn without_ack_no_message_ends() {
    expect(
        " 0.000 C>S [P] seq 1001:1101 (100)
          0.010 C>S [.] seq 1101:1201 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: msgs=0",
    );
}

#[test]
fn any_packet_with_nothing_old_moves_the_end_of_a_message() {
    expect(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 C>S [.] seq 1001 ack 5001   back to where the message began
          0.500 C>S [P.] seq 1001:1011 (10) ack 5001   this is old and moves nothing
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: msgs=0",
    );
}

#[test]
fn the_first_message_begins_behind_the_syn() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.010 S>C [.] seq 77 ack 88
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 S>C [P.] seq 5001 ack 1001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        s: msgs=0",
    );
}

#[test]
fn a_fin_is_no_byte_in_flight() {
    expect(
        " 0.000 S>C [.] seq 5001 ack 1001
          0.010 C>S [F.] seq 1001:1011 (10) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: max_inflight=10",
    );
}

#[test]
fn numbers_without_payload_begin_nothing_that_could_be_missed() {
    expect(
        " 0.000 C>S [.] seq 500 ack 5001
          0.010 C>S [.] seq 1001:1101 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: bytes_missed=0",
    );
}

#[test]
fn any_other_number_than_that_of_the_syn_ends_the_first_flight() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001:1101 (100) ack 5001
          0.110 S>C [.] seq 5001 ack 500   older than the SYN
          0.120 C>S [.] seq 1101:1201 (100) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: init_inflight=100",
    );
}
