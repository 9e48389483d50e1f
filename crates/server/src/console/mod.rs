//! The console's pages as pure views: structs in, HTML out.
//!
//! Nothing here reads a database, a clock or a request. A handler gathers what
//! a page needs, fills the page's struct and renders it; every page carries a
//! [`views::Shell`] with what all pages share. All pages work without
//! JavaScript, hold no inline script or style, and fit
//! [`CONTENT_SECURITY_POLICY`].
//!
//! # Addresses the templates use
//!
//! | address | method | page or action |
//! | --- | --- | --- |
//! | `/` | GET | [`views::OverviewPage`] |
//! | `/sign-in` | GET | [`views::SignInPage`] |
//! | `/sign-in/link/{token}` | GET, POST | [`views::ConfirmSignInPage`]; POST uses the link up |
//! | `/sign-in/passkey/start`, `/sign-in/passkey/finish` | POST, JSON | see `assets/src/passkey.js` |
//! | `/sign-out` | POST | ends the session, then [`views::SignedOutPage`] |
//! | `/account` | GET | [`views::AccountPage`] |
//! | `/account/passkeys/start`, `/account/passkeys/finish` | POST, JSON | registers a passkey |
//! | `/account/passkeys/{id}/remove` | POST | removes a passkey |
//! | `/account/theme` | POST `theme`, `back` | sets the colour theme |
//! | `/devices`, `/devices.csv` | GET | [`views::DevicesPage`], the same set as CSV |
//! | `/devices/{id}` | GET | [`views::DevicePage`] |
//! | `/devices/{id}/row`, `/devices/{id}/summary`, `/devices/{id}/commands` | GET | live fragments: [`views::DeviceRow`], [`views::DeviceSummary`], [`views::CommandPanel`] |
//! | `/devices/{id}/lock`, `/devices/{id}/wipe` | GET, POST | [`views::LockPage`], [`views::WipePage`] |
//! | `/devices/{id}/send` | GET `?command=`, POST | [`views::SendCommandPage`] |
//! | `/devices/{id}/refresh` | POST | asks the device to report again |
//! | `/devices/{id}/commands/{command}/cancel` | POST | cancels a command that has not been sent |
//! | `/devices/{id}/secrets/{secret}` | GET, POST | [`views::RevealPage`] |
//! | `/devices/{id}/reports/{report}` | GET | [`views::ReportPage`] |
//! | `/enrol` | GET | [`views::EnrollmentTokensPage`] |
//! | `/enrol/new` | GET, POST | [`views::NewEnrollmentTokenPage`] |
//! | `/enrol/{id}` | GET | [`views::EnrollmentTokenPage`] |
//! | `/enrol/{id}/sheet` | POST `link` | [`views::EnrollmentSheetPage`] |
//! | `/enrol/{id}/revoke` | POST | revokes the token |
//! | `/enroll/{token}` | GET | [`views::PublicEnrollmentPage`], no account needed |
//! | `/journal` | GET | [`views::JournalPage`] |
//! | `/settings/push` | GET, POST | [`views::PushCertificatePage`] |
//! | `/settings/push/request` | POST | a certificate request to download |
//! | `/settings/tokens`, `/settings/tokens/{id}/revoke` | GET, POST | [`views::ApiTokensPage`] |
//! | `/settings/webhooks`, `/settings/webhooks/{id}/remove`, `/settings/webhooks/{id}/test` | GET, POST | [`views::WebhooksPage`] |
//! | `/assets/{file}` | GET | [`assets::find`] |
//! | `/events?after={seq}` | GET | server-sent events, see `assets/src/live.js` |
//!
//! Every POST form carries the field [`CSRF_FIELD`]; the JSON requests carry
//! the same value in the header `X-CSRF-Token`.

pub mod assets;
pub mod charts;
pub mod components;
pub mod format;
pub mod routes;
pub mod views;

/// The `Content-Security-Policy` that every console page is written for.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// The name of the hidden form field that proves a form came from our own page.
pub const CSRF_FIELD: &str = "_csrf";
