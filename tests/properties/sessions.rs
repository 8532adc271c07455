//! Any sequence of inputs at any times: the checks are the driver's.

use nself_realtime::session::engine::Timing;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::driver::{self, Step};

const TIMING: Timing = Timing { ping_interval: 300, ping_timeout: 200, upgrade_timeout: 1000, close_timeout: 30_000 };

fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    vec((any::<u8>(), any::<u16>()).prop_map(|(kind, argument)| Step::of(kind, argument)), 0..longest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_hold_their_promises(websocket: bool, steps in steps(120)) {
        driver::run(websocket, TIMING, steps);
    }

    #[test]
    fn whatever_the_timing(
        websocket: bool,
        steps in steps(60),
        (ping_interval, ping_timeout) in (1u64..400, prop_oneof![1u64..30, 1u64..400]),
        upgrade_timeout in 1u64..400,
    ) {
        let timing = Timing { ping_interval, ping_timeout, upgrade_timeout, close_timeout: 500 };
        driver::run(websocket, timing, steps);
    }
}

#[test]
fn a_silent_client_is_gone_in_time() {
    for websocket in [false, true] {
        let mut steps = vec![Step::Wait(499)];
        assert!(!driver::run(websocket, TIMING, steps.clone()));
        steps.push(Step::Wait(1));
        assert!(driver::run(websocket, TIMING, steps));
    }
}
