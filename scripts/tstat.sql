-- Views that read goostat's tables as Tstat's logs: log_tcp_complete, log_tcp_nocomplete and
-- log_udp_complete, with the names, the order and the units of Tstat 3.1 and later.
--
--     cd trace.out && duckdb -init ../scripts/tstat.sql
--
-- The tables are those of the working directory; SET file_search_path = 'trace.out' before this
-- script names another folder. All column groups must be there. docs/tstat.md says what each
-- column is and where its value can differ from Tstat's.

-- Nanoseconds as Tstat's milliseconds, exactly; 0 for none.
CREATE OR REPLACE MACRO tstat_ms(ns) AS
    CAST(CAST(coalesce(ns, 0) AS DECIMAL(19, 0)) * 0.000001 AS DECIMAL(19, 6));

-- From one time in nanoseconds to another in seconds, exactly; 0 for none. Only the durations of
-- log_udp_complete are in seconds.
CREATE OR REPLACE MACRO tstat_s(begin_ns, end_ns) AS
    CAST(coalesce(CAST(end_ns AS DECIMAL(19, 0)) - CAST(begin_ns AS DECIMAL(19, 0)), 0)
         * 0.000000001 AS DECIMAL(20, 9));

-- Every TCP row with the columns of log_tcp_complete, and the log it belongs to. NULL is for rows
-- that Tstat never begins: their client's SYN was not seen.
CREATE OR REPLACE VIEW tstat_tcp AS
SELECT
    -- Core set, client
    c_ip, c_port, c_pkts AS c_pkts_all, c_rst AS c_rst_cnt, c_pkts_ack AS c_ack_cnt,
    c_pkts_ack_pure AS c_ack_cnt_p, c_bytes_uniq, c_pkts_data, c_bytes AS c_bytes_all, c_pkts_retx,
    c_bytes_retx, c_pkts_ooo, c_syn AS c_syn_cnt, c_fin AS c_fin_cnt,
    -- Core set, server
    s_ip, s_port, s_pkts AS s_pkts_all, s_rst AS s_rst_cnt, s_pkts_ack AS s_ack_cnt,
    s_pkts_ack_pure AS s_ack_cnt_p, s_bytes_uniq, s_pkts_data, s_bytes AS s_bytes_all, s_pkts_retx,
    s_bytes_retx, s_pkts_ooo, s_syn AS s_syn_cnt, s_fin AS s_fin_cnt,
    -- Core set, the connection
    tstat_ms(epoch_ns(first)) AS first, tstat_ms(epoch_ns(last)) AS last,
    tstat_ms(durat_ns) AS durat, tstat_ms(c_first_data_ns) AS c_first,
    tstat_ms(s_first_data_ns) AS s_first, tstat_ms(c_last_data_ns) AS c_last,
    tstat_ms(s_last_data_ns) AS s_last, tstat_ms(c_first_ack_ns) AS c_first_ack,
    tstat_ms(s_first_ack_ns) AS s_first_ack, c_isint::TINYINT AS c_isint,
    s_isint::TINYINT AS s_isint, 0 AS c_iscrypto, 0 AS s_iscrypto, 0 AS con_t, 0 AS p2p_t,
    0 AS http_t,
    -- End-to-End set, client
    tstat_ms(c_rtt_avg_ns) AS c_rtt_avg, tstat_ms(c_rtt_min_ns) AS c_rtt_min,
    tstat_ms(c_rtt_max_ns) AS c_rtt_max, tstat_ms(c_rtt_std_ns) AS c_rtt_std, c_rtt_cnt,
    coalesce(c_ttl_min, 0) AS c_ttl_min, coalesce(c_ttl_max, 0) AS c_ttl_max,
    -- End-to-End set, server
    tstat_ms(s_rtt_avg_ns) AS s_rtt_avg, tstat_ms(s_rtt_min_ns) AS s_rtt_min,
    tstat_ms(s_rtt_max_ns) AS s_rtt_max, tstat_ms(s_rtt_std_ns) AS s_rtt_std, s_rtt_cnt,
    coalesce(s_ttl_min, 0) AS s_ttl_min, coalesce(s_ttl_max, 0) AS s_ttl_max,
    -- Options set, client
    c_opt_wscale::TINYINT AS c_f1323_opt, c_opt_ts::TINYINT AS c_tm_opt,
    coalesce(c_wscale, 0) AS c_win_scl, c_opt_sack::TINYINT AS c_sack_opt,
    c_sack_pkts AS c_sack_cnt, coalesce(c_mss, 0) AS c_mss, coalesce(c_seg_max, 0) AS c_mss_max,
    coalesce(c_seg_min, 0) AS c_mss_min, coalesce(c_win_max, 0) AS c_win_max,
    coalesce(c_win_min, 0) AS c_win_min, c_win_zero AS c_win_0,
    coalesce(c_max_inflight, 0) AS c_cwin_max, coalesce(c_min_inflight, 0) AS c_cwin_min,
    coalesce(c_init_inflight, 0) AS c_cwin_ini, c_rtx_rto AS c_pkts_rto, c_rtx_fr AS c_pkts_fs,
    c_reordered AS c_pkts_reor, c_net_dup AS c_pkts_dup, c_rtx_unknown AS c_pkts_unk,
    c_flow_ctrl AS c_pkts_fc, c_unneeded_rto AS c_pkts_unrto, c_unneeded_fr AS c_pkts_unfs,
    c_seq_restart::TINYINT AS c_syn_retx,
    -- Options set, server
    s_opt_wscale::TINYINT AS s_f1323_opt, s_opt_ts::TINYINT AS s_tm_opt,
    coalesce(s_wscale, 0) AS s_win_scl, s_opt_sack::TINYINT AS s_sack_opt,
    s_sack_pkts AS s_sack_cnt, coalesce(s_mss, 0) AS s_mss, coalesce(s_seg_max, 0) AS s_mss_max,
    coalesce(s_seg_min, 0) AS s_mss_min, coalesce(s_win_max, 0) AS s_win_max,
    coalesce(s_win_min, 0) AS s_win_min, s_win_zero AS s_win_0,
    coalesce(s_max_inflight, 0) AS s_cwin_max, coalesce(s_min_inflight, 0) AS s_cwin_min,
    coalesce(s_init_inflight, 0) AS s_cwin_ini, s_rtx_rto AS s_pkts_rto, s_rtx_fr AS s_pkts_fs,
    s_reordered AS s_pkts_reor, s_net_dup AS s_pkts_dup, s_rtx_unknown AS s_pkts_unk,
    s_flow_ctrl AS s_pkts_fc, s_unneeded_rto AS s_pkts_unrto, s_unneeded_fr AS s_pkts_unfs,
    s_seq_restart::TINYINT AS s_syn_retx,
    -- Which log
    CASE WHEN complete THEN 'complete'
         WHEN NOT midstream AND c_syn > 0 THEN 'nocomplete' END AS tstat_log
FROM 'tcp.parquet';

CREATE OR REPLACE VIEW log_tcp_complete AS
SELECT * EXCLUDE (tstat_log) FROM tstat_tcp WHERE tstat_log = 'complete';

-- Tstat prints the Core set alone here.
CREATE OR REPLACE VIEW log_tcp_nocomplete AS
SELECT
    c_ip, c_port, c_pkts_all, c_rst_cnt, c_ack_cnt, c_ack_cnt_p, c_bytes_uniq, c_pkts_data,
    c_bytes_all, c_pkts_retx, c_bytes_retx, c_pkts_ooo, c_syn_cnt, c_fin_cnt, s_ip, s_port,
    s_pkts_all, s_rst_cnt, s_ack_cnt, s_ack_cnt_p, s_bytes_uniq, s_pkts_data, s_bytes_all,
    s_pkts_retx, s_bytes_retx, s_pkts_ooo, s_syn_cnt, s_fin_cnt, first, last, durat, c_first,
    s_first, c_last, s_last, c_first_ack, s_first_ack, c_isint, s_isint, c_iscrypto, s_iscrypto,
    con_t, p2p_t, http_t
FROM tstat_tcp WHERE tstat_log = 'nocomplete';

CREATE OR REPLACE VIEW log_udp_complete AS
SELECT
    c_ip, c_port, tstat_ms(epoch_ns(c_first)) AS c_first_abs,
    tstat_s(epoch_ns(c_first), epoch_ns(c_last)) AS c_durat, c_bytes AS c_bytes_all,
    c_pkts AS c_pkts_all, c_isint::TINYINT AS c_isint, 0 AS c_iscrypto, 0 AS c_type,
    s_ip, s_port, tstat_ms(epoch_ns(s_first)) AS s_first_abs,
    tstat_s(epoch_ns(s_first), epoch_ns(s_last)) AS s_durat, s_bytes AS s_bytes_all,
    s_pkts AS s_pkts_all, s_isint::TINYINT AS s_isint, 0 AS s_iscrypto, 0 AS s_type
FROM 'udp.parquet';

-- The same with the names of Tstat's header lines, for text files:
--
--     COPY (FROM log_tcp_complete_text) TO 'log_tcp_complete'
--         (FORMAT csv, HEADER, DELIMITER ' ', QUOTE '');
--
-- #09 says which sets there are: 1 for End-to-End and 8 for Options.
CREATE OR REPLACE VIEW log_tcp_complete_text AS
FROM log_tcp_complete AS t (
    "#09#c_ip:1", "c_port:2", "c_pkts_all:3", "c_rst_cnt:4", "c_ack_cnt:5", "c_ack_cnt_p:6",
    "c_bytes_uniq:7", "c_pkts_data:8", "c_bytes_all:9", "c_pkts_retx:10", "c_bytes_retx:11",
    "c_pkts_ooo:12", "c_syn_cnt:13", "c_fin_cnt:14", "s_ip:15", "s_port:16", "s_pkts_all:17",
    "s_rst_cnt:18", "s_ack_cnt:19", "s_ack_cnt_p:20", "s_bytes_uniq:21", "s_pkts_data:22",
    "s_bytes_all:23", "s_pkts_retx:24", "s_bytes_retx:25", "s_pkts_ooo:26", "s_syn_cnt:27",
    "s_fin_cnt:28", "first:29", "last:30", "durat:31", "c_first:32", "s_first:33", "c_last:34",
    "s_last:35", "c_first_ack:36", "s_first_ack:37", "c_isint:38", "s_isint:39", "c_iscrypto:40",
    "s_iscrypto:41", "con_t:42", "p2p_t:43", "http_t:44", "c_rtt_avg:45", "c_rtt_min:46",
    "c_rtt_max:47", "c_rtt_std:48", "c_rtt_cnt:49", "c_ttl_min:50", "c_ttl_max:51", "s_rtt_avg:52",
    "s_rtt_min:53", "s_rtt_max:54", "s_rtt_std:55", "s_rtt_cnt:56", "s_ttl_min:57", "s_ttl_max:58",
    "c_f1323_opt:59", "c_tm_opt:60", "c_win_scl:61", "c_sack_opt:62", "c_sack_cnt:63", "c_mss:64",
    "c_mss_max:65", "c_mss_min:66", "c_win_max:67", "c_win_min:68", "c_win_0:69", "c_cwin_max:70",
    "c_cwin_min:71", "c_cwin_ini:72", "c_pkts_rto:73", "c_pkts_fs:74", "c_pkts_reor:75",
    "c_pkts_dup:76", "c_pkts_unk:77", "c_pkts_fc:78", "c_pkts_unrto:79", "c_pkts_unfs:80",
    "c_syn_retx:81", "s_f1323_opt:82", "s_tm_opt:83", "s_win_scl:84", "s_sack_opt:85",
    "s_sack_cnt:86", "s_mss:87", "s_mss_max:88", "s_mss_min:89", "s_win_max:90", "s_win_min:91",
    "s_win_0:92", "s_cwin_max:93", "s_cwin_min:94", "s_cwin_ini:95", "s_pkts_rto:96",
    "s_pkts_fs:97", "s_pkts_reor:98", "s_pkts_dup:99", "s_pkts_unk:100", "s_pkts_fc:101",
    "s_pkts_unrto:102", "s_pkts_unfs:103", "s_syn_retx:104"
);

CREATE OR REPLACE VIEW log_tcp_nocomplete_text AS
FROM log_tcp_nocomplete AS t (
    "#09#c_ip:1", "c_port:2", "c_pkts_all:3", "c_rst_cnt:4", "c_ack_cnt:5", "c_ack_cnt_p:6",
    "c_bytes_uniq:7", "c_pkts_data:8", "c_bytes_all:9", "c_pkts_retx:10", "c_bytes_retx:11",
    "c_pkts_ooo:12", "c_syn_cnt:13", "c_fin_cnt:14", "s_ip:15", "s_port:16", "s_pkts_all:17",
    "s_rst_cnt:18", "s_ack_cnt:19", "s_ack_cnt_p:20", "s_bytes_uniq:21", "s_pkts_data:22",
    "s_bytes_all:23", "s_pkts_retx:24", "s_bytes_retx:25", "s_pkts_ooo:26", "s_syn_cnt:27",
    "s_fin_cnt:28", "first:29", "last:30", "durat:31", "c_first:32", "s_first:33", "c_last:34",
    "s_last:35", "c_first_ack:36", "s_first_ack:37", "c_isint:38", "s_isint:39", "c_iscrypto:40",
    "s_iscrypto:41", "con_t:42", "p2p_t:43", "http_t:44"
);

CREATE OR REPLACE VIEW log_udp_complete_text AS
FROM log_udp_complete AS t (
    "#c_ip:1", "c_port:2", "c_first_abs:3", "c_durat:4", "c_bytes_all:5", "c_pkts_all:6",
    "c_isint:7", "c_iscrypto:8", "c_type:9", "s_ip:10", "s_port:11", "s_first_abs:12",
    "s_durat:13", "s_bytes_all:14", "s_pkts_all:15", "s_isint:16", "s_iscrypto:17", "s_type:18"
);
