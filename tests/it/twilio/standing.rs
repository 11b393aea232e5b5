//! How a recording stands: what is asked before its copy is thrown away.

use actors::domain::{FetchError, SourceStatus};
use actors::ports::RecordingSource;

use super::{ACCOUNT, RECORDING, Scripted, Then, basic_auth, client, request_line, status};

async fn ask(answer: (Vec<u8>, Then)) -> (Result<SourceStatus, FetchError>, Vec<String>) {
    let server = Scripted::start(vec![answer]).await;
    (client(&server).recording(ACCOUNT, RECORDING).await, server.heard())
}

fn document(status: &str) -> String {
    format!(r#"{{"sid": "{RECORDING}", "account_sid": "{ACCOUNT}", "status": "{status}"}}"#)
}

#[tokio::test]
async fn a_recording_stands_as_twilio_says() {
    for (word, expected) in [
        ("completed", SourceStatus::Completed),
        ("processing", SourceStatus::InProgress),
        ("deleted", SourceStatus::Deleted),
        ("absent", SourceStatus::Absent),
    ] {
        let (told, heard) = ask(status("200 OK", &document(word))).await;
        assert_eq!(told, Ok(expected), "{word}");
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}.json");
        assert_eq!(request_line(&heard[0]), format!("GET {path} HTTP/1.1"));
        assert!(heard[0].contains(&basic_auth()), "{heard:?}");
    }
}

#[tokio::test]
async fn what_does_not_name_it_says_nothing_of_it() {
    let another = document("completed").replace(&RECORDING.to_string(), "RE1");
    let bodies = ["{}", "<TwilioResponse/>", &document("daydreaming"), &another];
    for body in bodies {
        let (told, _) = ask(status("200 OK", body)).await;
        assert!(matches!(told, Err(FetchError::Unexpected(_))), "{body}: {told:?}");
    }
    for (line, error) in [
        ("404 Not Found", FetchError::NotFound),
        ("410 Gone", FetchError::Deleted),
        ("403 No", FetchError::RefusedRecording),
        ("503 Away", FetchError::Status(503)),
    ] {
        assert_eq!(ask(status(line, "{}")).await.0, Err(error));
    }
}
