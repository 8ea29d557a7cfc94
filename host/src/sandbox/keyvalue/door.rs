//! The door `wasi:keyvalue` 0.2.0-draft2: store and atomics.

use wasmtime::component::Resource;

use crate::sandbox::bindings::keyvalue::wasi::keyvalue::{atomics, store};
use crate::sandbox::guest::Guest;
use crate::sandbox::keyvalue::resources::{Bucket, Cas, Problem};

impl store::Host for Guest {
    async fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, Problem> {
        let bucket = self.stores().open(&identifier)?;
        Ok(self.table().push(bucket)?)
    }

    fn convert_error(&mut self, problem: Problem) -> wasmtime::Result<store::Error> {
        match problem {
            Problem::NoSuchStore => Ok(store::Error::NoSuchStore),
            Problem::Denied => Ok(store::Error::AccessDenied),
            Problem::Other(why) => Ok(store::Error::Other(why)),
            Problem::Trap(error) => Err(error),
        }
    }
}

impl store::HostBucket for Guest {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Option<Vec<u8>>, Problem> {
        let bucket = self.bucket(&bucket)?;
        self.stores().get(&bucket, key).await
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<(), Problem> {
        let bucket = self.bucket(&bucket)?;
        self.stores().set(&bucket, key, value).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), Problem> {
        let bucket = self.bucket(&bucket)?;
        self.stores().delete(&bucket, key).await
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, Problem> {
        let bucket = self.bucket(&bucket)?;
        Ok(self.stores().get(&bucket, key).await?.is_some())
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Result<store::KeyResponse, Problem> {
        let bucket = self.bucket(&bucket)?;
        let (keys, cursor) = self.stores().keys(&bucket, cursor).await?;
        Ok(store::KeyResponse { keys, cursor })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table().delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Guest {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Result<i64, Problem> {
        let bucket = self.bucket(&bucket)?;
        self.stores().add(&bucket, key, delta).await
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let cas = self.table().delete(cas)?;
        match self.stores().swap(cas, value).await {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(newer)) => Ok(Err(atomics::CasError::CasFailed(self.table().push(newer)?))),
            Err(problem) => {
                let error = store::Host::convert_error(self, problem)?;
                Ok(Err(atomics::CasError::StoreError(error)))
            }
        }
    }
}

impl atomics::HostCas for Guest {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Resource<Cas>, Problem> {
        let bucket = self.bucket(&bucket)?;
        let cas = self.stores().look(&bucket, key).await?;
        Ok(self.table().push(cas)?)
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Option<Vec<u8>>, Problem> {
        Ok(self.table().get(&cas)?.value.clone())
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        let cas = self.table().delete(cas)?;
        self.stores().let_go(&cas);
        Ok(())
    }
}

impl Guest {
    fn bucket(&mut self, bucket: &Resource<Bucket>) -> Result<Bucket, Problem> {
        Ok(self.table().get(bucket)?.clone())
    }
}
