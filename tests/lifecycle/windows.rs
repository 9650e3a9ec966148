//! Windows, segment sizes and options (spec 5, steps 4, 6, 8, 12; 7.4).

use super::expect;

#[test]
fn windows_are_scaled_where_both_offered_to() {
    expect(
        " 0.000 C>S [S] seq 1000 win 64240 <wscale 7>
          0.060 S>C [S.] seq 5000 ack 1001 win 65535 <wscale 2>
          0.100 C>S [.] seq 1001 ack 5001 win 502
          0.200 S>C [.] seq 5001 ack 1001 win 1000
          0.300 S>C [S.] seq 5000 ack 1001 win 10 <wscale 2>   a SYN's window is as it stands
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: win_init=64240 win_max=64256 win_min=64240 wscale=7 opt_wscale=true
        s: win_init=65535 win_max=65535 win_min=10 wscale=2",
    );
}

#[test]
fn windows_are_not_scaled_where_one_side_did_not_offer() {
    expect(
        " 0.000 C>S [S] seq 1000 win 64240 <wscale 7>
          0.060 S>C [S.] seq 5000 ack 1001 win 65535
          0.100 C>S [.] seq 1001 ack 5001 win 502
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: win_min=502 wscale=7
        s: wscale=null opt_wscale=false",
    );
}

#[test]
fn a_scale_beyond_14_counts_as_14_and_is_shown_as_sent() {
    expect(
        " 0.000 C>S [S] seq 1000 win 1 <wscale 15>
          0.060 S>C [S.] seq 5000 ack 1001 <wscale 0>
          0.100 C>S [.] seq 1001 ack 5001 win 1
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: win_max=16384 wscale=15",
    );
}

#[test]
fn windows_of_resets_do_not_count() {
    expect(
        " 0.000 C>S [.] seq 1001 ack 5001 win 100
          0.010 C>S [R.] seq 1001 ack 5001 win 0
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: win_zero=0 win_max=100 win_min=100",
    );
}

#[test]
fn windows_without_syn_and_ack_do_not_count() {
    expect(
        " 0.000 C>S [P] seq 1001:1011 (10) win 100
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: win_init=null win_max=null win_min=null win_zero=0",
    );
}

#[test]
fn a_closed_window_is_counted_and_is_no_minimum() {
    expect(
        " 0.000 C>S [.] seq 1001 ack 5001 win 0
          0.010 C>S [.] seq 1001 ack 5001 win 0
          0.020 C>S [.] seq 1001 ack 5001 win 100
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: win_zero=2 win_init=0 win_min=100 win_max=100",
    );
}

#[test]
fn the_last_offer_of_a_syn_wins() {
    expect(
        " 0.000 C>S [S] seq 1000 <mss 1460, wscale 7>
          1.000 C>S [S] seq 1000 <mss 536>
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: mss=536 wscale=7",
    );
}

#[test]
fn options_are_noted_for_the_side_that_sent_them() {
    expect(
        " 0.000 C>S [S] seq 1000 <sackOK, TS, tfo, mptcp>
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001 <sack 6001:6101>
          0.200 C>S [.] seq 1001 ack 7001 <sack 6001:6101>   at or below the ack: a duplicate
          0.300 C>S [.] seq 1001 ack 5001 <sack 6001:6101 6001:6201>   inside the second block
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: opt_sack=true opt_ts=true opt_tfo=true opt_mptcp=true sack_pkts=3 dsack=2
        s: opt_sack=false opt_ts=false opt_tfo=false opt_mptcp=false sack_pkts=0 dsack=0",
    );
}

#[test]
fn segment_sizes_are_those_of_payload() {
    expect(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.010 C>S [.] seq 1001:1101 (100) ack 5001
          0.020 C>S [P.] seq 1101:1111 (10) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: seg_min=10 seg_max=100
        s: seg_min=null seg_max=null",
    );
}

#[test]
fn sack_blocks_are_no_offer_of_sack() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001
          0.100 C>S [.] seq 1001 ack 5001 <sack 6001:6101>
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: opt_sack=false sack_pkts=1",
    );
}
