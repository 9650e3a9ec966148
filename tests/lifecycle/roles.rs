//! Who the client is (spec 3.1, 3.2).

use super::expect;

#[test]
fn the_sender_of_a_bare_syn_is_the_client() {
    // Neither its address nor its port speaks for it.
    expect(
        "# c = 198.51.100.9:80, s = 10.0.0.1:40000
         0.000 C>S [S] seq 1000
        ---
        tcp 198.51.100.9:80 > 10.0.0.1:40000  client_by=syn midstream=false c_isint=false s_isint=true
        c: pkts=1",
    );
}

#[test]
fn the_receiver_of_a_syn_ack_is_the_client() {
    expect(
        "# c = 198.51.100.9:80, s = 10.0.0.1:40000
         0.000 S>C [S.] seq 5000 ack 1001
        ---
        tcp 198.51.100.9:80 > 10.0.0.1:40000  client_by=synack midstream=false history=^h
        c: pkts=0
        s: pkts=1",
    );
}

#[test]
fn without_a_handshake_the_internal_endpoint_is_the_client() {
    expect(
        "# c = 10.0.0.1:80, s = 198.51.100.2:40000
         0.000 S>C [.] seq 5001 ack 1001
        ---
        tcp 10.0.0.1:80 > 198.51.100.2:40000  client_by=internal midstream=true
        s: pkts=1",
    );
}

#[test]
fn where_both_are_external_the_higher_port_is_the_client() {
    expect(
        "# c = 198.51.100.7:1024, s = 198.51.100.2:1023
         0.000 S>C [.] seq 5001 ack 1001
        ---
        tcp 198.51.100.7:1024 > 198.51.100.2:1023  client_by=port midstream=true",
    );
}

#[test]
fn where_both_ports_are_low_the_first_sender_is_the_client() {
    expect(
        "# c = 198.51.100.7:1023, s = 198.51.100.2:80
         0.000 S>C [.] seq 5001 ack 1001
        ---
        tcp 198.51.100.2:80 > 198.51.100.7:1023  client_by=first",
    );
}

#[test]
fn a_multicast_sender_is_the_server() {
    expect(
        "# c = 192.168.1.2:5353, s = 224.0.0.251:5353
         0.000 S>C UDP length 30
        ---
        udp 192.168.1.2:5353 > 224.0.0.251:5353  client_by=first reply=s_only
        s: pkts=1",
    );
}

#[test]
fn between_two_multicast_addresses_the_sender_is_the_client() {
    expect(
        "# c = [ff02::fb]:5353, s = [ff02::1]:5353
         0.000 C>S UDP length 30
        ---
        udp [ff02::fb]:5353 > [ff02::1]:5353  client_by=first reply=c_only",
    );
}

#[test]
fn a_sender_to_the_broadcast_address_is_the_client() {
    expect(
        "# c = 198.51.100.7:68, s = 255.255.255.255:67
         0.000 C>S UDP length 30
        ---
        udp 198.51.100.7:68 > 255.255.255.255:67  client_by=first reply=c_only",
    );
}

#[test]
fn between_equal_endpoints_every_packet_is_the_clients() {
    expect(
        "# c = 10.0.0.1:7, s = 10.0.0.1:7
         0.000 C>S [S] seq 1000
         0.010 S>C [.] seq 1001 ack 1001
        ---
        tcp 10.0.0.1:7 > 10.0.0.1:7  half_duplex=true
        c: pkts=2
        s: pkts=0",
    );
}

#[test]
fn roles_stay_when_the_client_turns_out_to_be_the_other_one() {
    expect(
        "# c = 198.51.100.2:80, s = 198.51.100.7:40000
         0.000 C>S UDP length 9
         0.010 S>C UDP length 30
        ---
        udp 198.51.100.2:80 > 198.51.100.7:40000  client_by=first reply=both
        c: pkts=1 bytes=9
        s: pkts=1 bytes=30",
    );
}

#[test]
fn tcp_and_udp_between_the_same_endpoints_are_two_flows() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.010 C>S UDP length 30
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=1",
    );
}
