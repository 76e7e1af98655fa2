//! [`AllKeys`]: the keys of a tree, page by page, from one listing or from parallel listings of ranges.

use crate::error::{ErrorKind, Result};
use crate::s3::api::Objects;
use crate::s3::client::xml::ListPage;
use crate::s3::list::order::Order;
use crate::s3::list::pages::Pages;
use crate::s3::list::parallel::ParallelPages;

/// The pages of a listing of all keys with a prefix, in the order of the store.
///
/// The first page is requested alone. The rest is listed in parallel ranges if there are more pages and more than one worker,
/// and the store lists in the order of bytes and honours `start-after`.
pub(in crate::s3) struct AllKeys<'a> {
    objects: &'a Objects,
    prefix: String,
    workers: usize,
    listing: Listing<'a>,
}

enum Listing<'a> {
    One(Box<Pages<'a>>),
    Several(Box<ParallelPages<'a, Pages<'a>>>),
}

impl<'a> AllKeys<'a> {
    /// Lists all keys that begin with `prefix`, at most `workers` pages at a time.
    pub(in crate::s3) fn new(objects: &'a Objects, prefix: &str, workers: usize) -> Self {
        Self::of(objects, prefix, workers, Pages::new(objects, prefix, None))
    }

    /// Lists the keys after a key, one page at a time.
    pub(in crate::s3) fn after(objects: &'a Objects, prefix: &str, key: &str) -> Self {
        Self::of(
            objects,
            prefix,
            1,
            Pages::new(objects, prefix, None).after(key),
        )
    }

    fn of(objects: &'a Objects, prefix: &str, workers: usize, pages: Pages<'a>) -> Self {
        Self {
            objects,
            prefix: prefix.to_owned(),
            workers,
            listing: Listing::One(Box::new(pages)),
        }
    }

    /// Returns true if there are no more pages.
    pub(in crate::s3) fn is_ended(&self) -> bool {
        match &self.listing {
            Listing::One(pages) => pages.is_ended(),
            Listing::Several(pages) => pages.is_ended(),
        }
    }

    /// Returns the order that the pages so far fit.
    pub(in crate::s3) fn order(&self) -> Order {
        match &self.listing {
            Listing::One(pages) => pages.order(),
            Listing::Several(_) => Order::Bytes,
        }
    }

    /// Lists the keys after this page in parallel ranges, if the store allows it.
    fn split(&mut self, page: &ListPage) -> Result<()> {
        let Listing::One(pages) = &mut self.listing else {
            return Ok(());
        };
        if self.workers <= 1 || pages.is_ended() || self.objects.listings.order() != Order::Bytes {
            return Ok(());
        }
        let keys = page.objects.first().zip(page.objects.last());
        let readable = keys.filter(|(_, last)| last.unreadable.is_none());
        let Some((first, last)) = readable else {
            return Ok(());
        };
        if !honours_start_after(self.objects, &self.prefix, &first.key, &last.key)? {
            return Ok(());
        }
        let (objects, prefix) = (self.objects, self.prefix.clone());
        let list = move |after: &str| Pages::new(objects, &prefix, None).after(after);
        let rest = std::mem::replace(&mut **pages, list(""));
        let several = ParallelPages::new(&self.prefix, page, rest, self.workers, list);
        self.listing = Listing::Several(Box::new(several));
        Ok(())
    }
}

impl Iterator for AllKeys<'_> {
    type Item = Result<ListPage>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = match &mut self.listing {
            Listing::One(pages) => pages.next()?,
            Listing::Several(pages) => return pages.next(),
        };
        Some(page.and_then(|page| self.split(&page).map(|()| page)))
    }
}

/// Returns true if the store honours `start-after`. If this is unknown, makes one request, once for a store: a listing after a
/// key right before `there`, which is an existing key not before `first`.
pub(in crate::s3) fn honours_start_after(
    objects: &Objects,
    prefix: &str,
    first: &str,
    there: &str,
) -> Result<bool> {
    if let Some(is_honoured) = objects.listings.start_after() {
        return Ok(is_honoured);
    }
    let mut before = there.to_owned();
    before.pop();
    if first > before.as_str() {
        return Ok(false);
    }
    let mut pages = Pages::new(objects, prefix, None).after(&before).at_most(1);
    let page = match pages.next().transpose() {
        Err(error) if error.is(ErrorKind::Unsupported) => {
            objects.listings.note_start_after(false);
            return Ok(false);
        }
        page => page?.unwrap_or_default(),
    };
    let is_right = match page.objects.first().map(|object| &*object.key) {
        // The key was deleted meanwhile, so nothing is proven.
        Some(key) if key > there => return Ok(false),
        Some(key) => key > before.as_str(),
        None => false,
    };
    objects.listings.note_start_after(is_right);
    Ok(is_right)
}
