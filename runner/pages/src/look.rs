//! Who looks at a page, in which language, and where from there.

use words::{Language, Texts};

use crate::place::{Part, Place};

/// How a page is shown to somebody.
#[derive(Clone, Debug)]
pub struct Look {
    /// The language.
    pub language: Language,
    /// The page; `None` where there is none, as on an error's page.
    pub place: Option<Place>,
    /// The query of the address without `lang`, as it was sent.
    pub query: String,
    /// Whether the address asks for the language, so that links must keep it.
    pub keeps_language: bool,
    /// Who looks; `None` if nobody is known.
    pub viewer: Option<String>,
    /// Whether there is a session that can be ended.
    pub may_sign_out: bool,
    /// Whether the viewer may open the page of all communities.
    pub opens_home: bool,
    /// The pages about the community that the viewer may open.
    pub opens: Vec<Part>,
    /// Where style sheet and script are.
    pub assets: Assets,
}

/// The paths of the files of all pages.
#[derive(Clone, Copy, Debug)]
pub struct Assets {
    /// The style sheet.
    pub style: &'static str,
    /// The script.
    pub script: &'static str,
    /// The picture in a browser's tab.
    pub icon: &'static str,
}

impl Look {
    /// Returns the texts.
    pub fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    /// Returns the address of a place, with these parameters, of which each value is escaped; the language stays as it was asked
    /// for.
    pub fn href(&self, place: &Place, parameters: &[(&str, &str)]) -> String {
        let language = self.keeps_language.then(|| ("lang", self.language.code()));
        let mut address = place.href(crate::place::Form::Page);
        for (number, (key, value)) in parameters.iter().copied().chain(language).enumerate() {
            let sign = if number == 0 { '?' } else { '&' };
            address.extend([sign.to_string().as_str(), key, "=", &crate::place::query_value(value)]);
        }
        address
    }

    /// Whether the viewer may open this page about the community.
    pub fn opens(&self, part: &Part) -> bool {
        self.opens.contains(part)
    }
}
