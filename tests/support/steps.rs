//! What may happen to a session: the alphabet of the property tests and the fuzz target.

/// What a client may send, good and bad; several packets of a payload are parted by 0x1e.
const PACKETS: [&str; 32] = [
    "3",
    "40",
    "40/a,{\"token\":1}",
    "42[\"x\"]",
    "42/a,7[\"x\",1]",
    "430[]",
    "451-[\"b\",{\"_placeholder\":true,\"num\":0}]",
    "bAQIDBA==",
    "2probe",
    "5",
    "3\x1e42[\"x\"]\x1e42[\"y\"]",
    "40\x1e42[\"x\"]",
    "452-[\"b\"]\x1ebAQID\x1ebAQID",
    "41",
    "41/a,",
    "40/b",
    "44{}",
    "461-3[1]",
    "0",
    "6",
    "b",
    "4",
    "1",
    "2",
    "",
    "x",
    "4é",
    "42{}",
    "42[\"connect\"]",
    "42[\"x\"]\x1e\x1e3",
    "459-[\"b\"]",
    "3\x1e3",
];

/// One thing that happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Time passes; timers fire on the millisecond.
    Wait(u16),
    /// Time passes, and the timers fire late, all at once.
    Stall(u16),
    /// A polling GET.
    Get,
    /// A POST's head; `true`: of a content type that is refused.
    Post(bool),
    /// The body of the POST that is under way: a payload. `true`: its reader keeps the answer waiting.
    Body(u8, bool),
    /// The reader has caught up.
    Taken,
    /// The body of the POST that is under way is too large.
    TooLarge,
    /// The client gives up a request: of those ever made, this one.
    Abort(u8),
    /// A message by the WebSocket in use.
    Packet(u8),
    /// A WebSocket with the session's id.
    Probe,
    /// A message by the WebSocket that is tried out.
    ProbePacket(u8),
    /// That WebSocket is gone.
    ProbeLost,
    /// The WebSocket in use is gone.
    Lost,
    /// Something is sent to the client.
    Emit,
    /// The server closes the session behind what waits.
    Close,
    /// The server ends the session at once.
    End,
    /// The client could not be read for a while.
    Forgive,
}

impl Step {
    /// The step that two numbers stand for.
    pub fn of(kind: u8, argument: u16) -> Self {
        let small = argument as u8;
        match kind % 22 {
            0 | 1 => Self::Wait(argument % 700),
            2 if argument.is_multiple_of(4) => Self::Stall(argument % 40),
            2 => Self::Stall(argument % 700),
            3 => Self::Wait(argument),
            4 | 5 => Self::Get,
            6 => Self::Post(small == 7),
            7 | 8 => Self::Body(small, false),
            9 => Self::Body(small, true),
            10 => Self::Taken,
            11 => Self::TooLarge,
            12 => Self::Abort(small),
            13 | 14 => Self::Packet(small),
            15 => Self::Probe,
            16 => Self::ProbePacket(small),
            17 => Self::ProbeLost,
            18 => Self::Emit,
            19 => Self::Forgive,
            20 => Self::Close,
            _ if small < 64 => Self::End,
            _ if small < 128 => Self::Lost,
            _ => Self::ProbePacket(if small.is_multiple_of(2) { 8 } else { 9 }),
        }
    }
}

/// What the client sends with this number.
pub fn payload(which: u8) -> &'static str {
    PACKETS[usize::from(which) % PACKETS.len()]
}
