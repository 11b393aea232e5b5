//! Whatever is sealed opens to the same bytes; whatever was changed, moved, cut or is another's does not.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const SEGMENT: u32 = 16;
const SEALED_SEGMENT: usize = SEGMENT as usize + TAG_BYTES;
const SALT: [u8; SALT_BYTES] = *b"saltsalt";

fn key(business: &str, recording: u128) -> AudioKey {
    AudioKey {
        business: business.parse().expect("a business id"),
        recording: actors::domain::RecordingSid::from_bits(recording),
        format: actors::domain::Format::Mp3,
    }
}

fn ours() -> AudioKey {
    key("acme", 7)
}

fn cipher() -> Cipher {
    Cipher::new(&[3; 32])
}

fn seal<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    seal_salted(chunks, SALT)
}

fn seal_salted<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, salt: [u8; SALT_BYTES]) -> Vec<u8> {
    let mut sealer = Sealer::new(cipher(), &ours(), Version::FIRST, SEGMENT, salt);
    let mut sealed = sealer.header().to_vec();
    for chunk in chunks {
        sealer.push(chunk, &mut sealed);
    }
    sealer.finish(&mut sealed);
    sealed
}

/// Opens a range the way a reader does, two segments at a time.
fn open_as(
    key: &AudioKey,
    version: Version,
    file: &[u8],
    length: usize,
    range: ByteRange,
) -> Result<Vec<u8>, VaultError> {
    let header = file.first_chunk().ok_or(VaultError::Damaged { segment: 0 })?;
    let (length, bytes) = (length as u64, file.len() as u64);
    let opener = Opener::new(cipher(), key, version, length, header, bytes)?;
    let (mut audio, mut rest) = (Vec::new(), Some(range));
    while let Some(range) = rest {
        let piece = opener.piece(range, 2 * u64::from(SEGMENT));
        let sealed = &file[piece.offset as usize..][..piece.sealed_bytes];
        let mut opened = vec![0; piece.opened.length() as usize];
        opener.open(&piece, sealed, &mut opened)?;
        audio.extend_from_slice(&opened[piece.wanted]);
        rest = piece.rest;
    }
    Ok(audio)
}

fn open(file: &[u8], length: usize) -> Result<Vec<u8>, VaultError> {
    let whole = ByteRange::whole(length as u64).expect("not empty");
    open_as(&ours(), Version::FIRST, file, length, whole)
}

fn damaged_segment(result: Result<Vec<u8>, VaultError>) -> Option<u64> {
    match result {
        Err(VaultError::Damaged { segment }) => Some(segment),
        Ok(_) | Err(_) => None,
    }
}

fn audio() -> impl Strategy<Value = Vec<u8>> {
    let boundaries = prop_oneof![1..200usize, (1..8usize).prop_map(|n| n * SEGMENT as usize)];
    boundaries.prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length))
}

fn swapped(file: &[u8], one: usize, other: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = |segment: usize| HEADER_BYTES + segment * SEALED_SEGMENT;
    for offset in 0..SEALED_SEGMENT {
        file.swap(at(one) + offset, at(other) + offset);
    }
    file
}

proptest! {
    #[test]
    fn however_it_is_cut_it_seals_to_the_same_file_and_opens_to_the_same_bytes(
        audio in audio(),
        cuts in proptest::collection::vec(any::<Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(audio.len() + 1)).collect();
        cuts.extend([0, audio.len()]);
        cuts.sort_unstable();
        let file = seal(cuts.windows(2).map(|cut| &audio[cut[0]..cut[1]]));
        prop_assert_eq!(&file, &seal([audio.as_slice()]));
        prop_assert_eq!(open(&file, audio.len()).expect("opens"), audio);
    }

    #[test]
    fn any_range_opens_to_exactly_its_bytes(audio in audio(), one in any::<Index>(), other in any::<Index>()) {
        let file = seal([audio.as_slice()]);
        let (one, other) = (one.index(audio.len()), other.index(audio.len()));
        let (first, last) = (one.min(other), one.max(other));
        let range = ByteRange { first: first as u64, last: last as u64 };
        let opened = open_as(&ours(), Version::FIRST, &file, audio.len(), range).expect("opens");
        prop_assert_eq!(&opened, &audio[first..=last]);
    }

    #[test]
    fn any_flipped_bit_is_refused(audio in audio(), at in any::<Index>(), bit in 0..8u8) {
        let mut file = seal([audio.as_slice()]);
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let refused = damaged_segment(open(&file, audio.len()));
        match at.checked_sub(HEADER_BYTES) {
            Some(behind) => prop_assert_eq!(refused, Some((behind / SEALED_SEGMENT) as u64)),
            None => prop_assert!(refused.is_some(), "byte {at} of the header"),
        }
    }

    #[test]
    fn any_cut_is_refused_even_if_the_length_is_cut_to_fit(audio in audio(), cut in any::<Index>()) {
        let file = seal([audio.as_slice()]);
        prop_assert!(open(&file[..cut.index(file.len())], audio.len()).is_err());
        for segments in 1..audio.len().div_ceil(SEGMENT as usize) {
            let shorter = &file[..HEADER_BYTES + segments * SEALED_SEGMENT];
            let refused = open(shorter, segments * SEGMENT as usize);
            prop_assert_eq!(damaged_segment(refused), Some(segments as u64 - 1));
        }
    }

    #[test]
    fn segments_in_another_order_are_refused(
        audio in proptest::collection::vec(any::<u8>(), 8 * SEGMENT as usize),
        one in 0..8usize,
        other in 0..8usize,
    ) {
        prop_assume!(one != other);
        let file = seal([audio.as_slice()]);
        prop_assert!(open(&swapped(&file, one, other), audio.len()).is_err());
    }

    #[test]
    fn no_header_or_length_makes_it_panic(header in any::<[u8; HEADER_BYTES]>(), length in any::<u64>(), bytes in any::<u64>()) {
        let _ = Opener::new(cipher(), &ours(), Version::FIRST, length, &header, bytes);
        let ours_header = Header { segment_bytes: 1, salt: SALT }.encode();
        let _ = Opener::new(cipher(), &ours(), Version::FIRST, length, &ours_header, bytes);
    }
}

#[test]
fn it_opens_only_as_what_it_was_sealed_as() {
    let audio = [9; 40];
    let file = seal([audio.as_slice()]);
    let range = ByteRange { first: 0, last: 39 };
    let second = Version::FIRST.next();
    assert!(open_as(&ours(), Version::FIRST, &file, 40, range).is_ok());
    assert!(open_as(&key("acme2", 7), Version::FIRST, &file, 40, range).is_err());
    assert!(open_as(&key("acme", 8), Version::FIRST, &file, 40, range).is_err());
    assert!(open_as(&ours(), second, &file, 40, range).is_err());
}

#[test]
fn a_segment_of_another_file_under_the_same_key_is_refused() {
    let mut file = seal([[9; 40].as_slice()]);
    let twin = seal_salted([[9; 40].as_slice()], *b"pepper!!");
    let segment = HEADER_BYTES..HEADER_BYTES + SEALED_SEGMENT;
    file[segment.clone()].copy_from_slice(&twin[segment]);
    assert_eq!(damaged_segment(open(&file, 40)), Some(0));
}

/// Two texts under one nonce would give away their difference, and the power to forge others.
#[test]
fn no_nonce_is_used_twice() {
    let audio = [9; 3 * SEGMENT as usize];
    let sealed = [seal([audio.as_slice()]), seal_salted([audio.as_slice()], *b"pepper!!")];
    let segments = sealed.iter().flat_map(|file| file[HEADER_BYTES..].chunks(SEALED_SEGMENT));
    let mut texts: Vec<&[u8]> = segments.map(|segment| &segment[..SEGMENT as usize]).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 6, "the same audio, sealed alike");
}

#[test]
fn a_whole_number_of_segments_ends_with_a_full_one() {
    for (length, tags) in [(1, 1), (15, 1), (16, 1), (17, 2), (32, 2), (33, 3)] {
        let file = seal([vec![0; length].as_slice()]);
        assert_eq!(file.len(), HEADER_BYTES + length + tags * TAG_BYTES, "{length} bytes");
    }
}

#[test]
fn a_piece_is_as_many_segments_as_allowed_and_says_what_is_left() {
    let header = Header { segment_bytes: SEGMENT, salt: SALT }.encode();
    let file_bytes = (HEADER_BYTES + 100 + 7 * TAG_BYTES) as u64;
    let opener = Opener::new(cipher(), &ours(), Version::FIRST, 100, &header, file_bytes);
    let opener = opener.expect("100 bytes are 7 segments");
    let piece = opener.piece(ByteRange { first: 17, last: 99 }, 4 * 16 + 15);
    assert_eq!(piece.segments, 1..5);
    assert_eq!(piece.offset, (HEADER_BYTES + SEALED_SEGMENT) as u64);
    assert_eq!(piece.sealed_bytes, 4 * SEALED_SEGMENT);
    assert_eq!(piece.opened, ByteRange { first: 16, last: 79 });
    assert_eq!(piece.wanted, 1..64);
    assert_eq!(piece.rest, Some(ByteRange { first: 80, last: 99 }));
    let tail = opener.piece(ByteRange { first: 80, last: 98 }, 4 * 16);
    assert_eq!(tail.segments, 5..7);
    assert_eq!(tail.sealed_bytes, 20 + 2 * TAG_BYTES);
    assert_eq!((tail.wanted, tail.rest), (0..19, None));
    let least = opener.piece(ByteRange { first: 17, last: 99 }, 1);
    assert_eq!(least.segments, 1..2, "a segment opens whole or not at all");
}
