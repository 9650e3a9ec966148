//! Bare SYNs on flows that exist (spec 4.3).

use super::expect;

#[test]
fn a_bare_syn_on_a_closed_flow_always_begins_a_new_one() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.050 S>C [R.] seq 0 ack 1001
          0.550 C>S [S] seq 1000   the same number
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst ipfix_end_reason=3
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn a_repeated_syn_joins() {
    expect(
        " 0.000 C>S [S] seq 1000
          1.000 C>S [S] seq 1000
          1.050 S>C [S.] seq 5000 ack 1001
          1.060 C>S [.] seq 1001 ack 5001
          1.070 C>S [S] seq 1000   even now
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=4 syn=3",
    );
}

#[test]
fn a_bare_syn_with_the_number_of_the_senders_syn_ack_joins() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.050 S>C [S.] seq 5000 ack 1001
          0.060 S>C [S] seq 5000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1
        s: pkts=2 syn=2",
    );
}

#[test]
fn a_syn_with_another_number_begins_a_new_flow() {
    expect(
        " 0.000 C>S [S] seq 1000
          1.000 C>S [S] seq 1001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=reuse ipfix_end_reason=3
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn only_the_number_of_the_latest_syn_counts() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.050 C>S [S.] seq 2000 ack 5001
          0.060 C>S [S] seq 1000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=reuse
        c: pkts=2
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn a_syn_that_meets_nothing_but_syns_of_the_peer_joins() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.010 S>C [S] seq 5000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof history=Ss
        c: pkts=1
        s: pkts=1",
    );
}

#[test]
fn a_syn_that_meets_more_of_the_peer_does_not() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.010 C>S [.] seq 1001 ack 1
          0.020 S>C [S] seq 5000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=reuse
        c: pkts=2
        tcp 198.51.100.2:80 > 10.0.0.1:40000  end_reason=eof client_by=syn
        c: pkts=1",
    );
}

#[test]
fn a_syn_that_the_peer_has_answered_joins_and_roles_stay() {
    expect(
        " 0.000 S>C [S.] seq 5000 ack 0
          0.002 C>S [S] seq 4294967295   its number and one is 0
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof client_by=synack
        c: pkts=1
        s: pkts=1",
    );
}

#[test]
fn a_syn_that_the_peer_has_not_answered_does_not() {
    expect(
        " 0.000 S>C [S.] seq 5000 ack 1001
          0.001 S>C [S.] seq 5000 ack 2001   the latest counts
          0.002 C>S [S] seq 1000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=reuse client_by=synack
        s: pkts=2
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof client_by=syn
        c: pkts=1",
    );
}

#[test]
fn a_syn_on_a_flow_without_handshake_begins_a_new_one() {
    expect(
        " 0.000 C>S [.] seq 1000 ack 5000
          0.010 C>S [S] seq 1000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=reuse midstream=true
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof midstream=false
        c: pkts=1",
    );
}

#[test]
fn a_syn_is_bare_whatever_else_but_ack_is_set() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.010 C>S [SFPU] seq 2000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=reuse
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof client_by=syn
        c: pkts=1",
    );
}

#[test]
fn a_syn_ack_with_another_number_stays_in_the_flow() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.050 S>C [S.] seq 5000 ack 1001
          0.060 S>C [S.] seq 7000 ack 1001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof history=Shh
        c: pkts=1
        s: pkts=2 seq_restart=true",
    );
}
